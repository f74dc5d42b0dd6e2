"""What somebody would try, each with the answer it gets: a refusal, never a fault, never a leak.

``docs/security.md`` lists the kinds. Sign-in tricks have their own tests (``test_sign_in.py``), and so
have the tokens' claims (``test_access_tokens.py``).
"""

from __future__ import annotations

import csv
import io
import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from httpx2 import Response

from query_api.identity.access import Role
from query_api.screen.sealing import Seal
from query_api.web import bodies
from schemas.identifiers import DeviceId
from tests.query_api.serving import served
from tests.query_api.world import (
    ALPHA,
    BETA,
    Browser,
    World,
    accepted,
    device_id,
    rejected,
    request_id,
)

R1, FOREIGN_R = request_id(1), request_id(2, BETA)
D1, FOREIGN_D = device_id(1), device_id(2)
API_ITEM: Final = f"/v1/devices/{D1}/service-requests/{R1}"
SEEN: Final = "00000000-0000-0000-0000-000000000000"
MARKUP: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
ORDER: Final = {"reason": "a", "incident_reference": "b", "seen_event_id": SEEN}


@dataclass(frozen=True)
class Case:
    """One attempt: what is done, and which answers are right."""

    kind: str
    name: str
    attempt: Callable[[World], Response]
    statuses: tuple[int, ...]


def world() -> World:
    """Own and foreign items, and reasons full of markup."""
    made = World()
    made.put(
        {
            D1: [rejected(R1, detail=MARKUP)],
            FOREIGN_D: [accepted(FOREIGN_R)],
            device_id(3): [accepted(R1, detail="=HYPERLINK(1)")],
        }
    )
    return made


def api(path: str, **options: Any) -> Callable[[World], Response]:
    """A supplier's request to the API."""
    method = options.pop("method", "GET")
    return lambda made: made.supplier().request(method, path, **options)


def bearing(token: Callable[[World], str]) -> Callable[[World], Response]:
    """A request with this token."""
    return lambda made: made.stranger().get(
        API_ITEM, headers={"Authorization": f"Bearer {token(made)}"}
    )


def looked_at(ask: Callable[[Browser], Response]) -> Callable[[World], Response]:
    """A supplier's browser."""
    return lambda made: ask(made.supplier_browser())


def reset(**options: Any) -> Callable[[World], Response]:
    """A request of the Service Centre to reset."""
    headers = {"Idempotency-Key": "1", **options.pop("headers", {})}
    return lambda made: made.service_centre().post(f"{API_ITEM}/reset", headers=headers, **options)


def with_cookie(value: str) -> Callable[[World], Response]:
    """A browser with a cookie that it made up."""

    def attempt(made: World) -> Response:
        browser = made.supplier_browser()
        browser.client.cookies.clear()
        return browser.client.get("/search", headers={"Cookie": f"fdt-session={value}"})

    return attempt


def form(path: str, content: bytes, media_type: str) -> Callable[[World], Response]:
    """A form with this very body."""
    return looked_at(
        lambda b: b.client.post(path, content=content, headers={"Content-Type": media_type})
    )


def another_sessions_token(made: World) -> Response:
    """A form token that is real, of another user."""
    mine, other = made.supplier_browser(), made.supplier_browser(BETA)
    (name,) = other.client.cookies.values()
    session = other.screen.sessions.find(name)
    assert session is not None
    return mine.post("/search", {"by": "device", "value": D1}, csrf=session.form_token())


def from_elsewhere(origin: str) -> Callable[[World], Response]:
    """A form with the right token, sent from a page of somebody else's."""

    def attempt(made: World) -> Response:
        browser = made.supplier_browser()
        browser.client.headers["Origin"] = origin
        return browser.post("/search", {"by": "device", "value": D1})

    return attempt


def sealed_elsewhere(browser: Browser) -> Response:
    """An address that another system's key made."""
    token = Seal("the key of another system altogether").device(DeviceId(D1))
    return browser.get(f"/devices/{token}")


FORM: Final = "application/x-www-form-urlencoded"
CASES: Final = [
    Case("token", "none at all", lambda w: w.stranger().get(API_ITEM), (401,)),
    Case("token", "unsigned", bearing(lambda w: w.tokens.unsigned()), (401,)),
    Case("token", "unsigned, spelled NoNe", bearing(lambda w: w.tokens.unsigned("NoNe")), (401,)),
    Case("token", "signed with the public key", bearing(lambda w: w.tokens.by_public_key()), (401,)),
    Case("token", "expired", bearing(lambda w: w.tokens.make(exp=1)), (401,)),
    Case("token", "of another audience", bearing(lambda w: w.tokens.make(aud="x")), (401,)),
    Case("token", "of another issuer", bearing(lambda w: w.tokens.make(iss="https://e")), (401,)),
    Case("token", "a key from elsewhere", bearing(lambda w: w.tokens.make(header={"jku": "https://e", "kid": "x"})), (401,)),
    Case("token", "a key ID that is a path", bearing(lambda w: w.tokens.make(header={"kid": "../../etc/passwd"})), (401,)),
    Case("token", "16 KiB of letters", bearing(lambda w: "a" * 20_000), (401,)),
    Case("token", "cut off", bearing(lambda w: w.tokens.make()[:-20]), (401,)),
    Case("token", "another scheme", api(API_ITEM, headers={"Authorization": "Basic YTpi"}), (401,)),
    Case("token", "in the query", lambda w: w.stranger().get(f"{API_ITEM}?access_token={w.tokens.make()}"), (401,)),
    Case("token", "User ID *", bearing(lambda w: w.tokens.make(user_ids=["*"])), (401,)),
    Case("token", "a role in capitals", bearing(lambda w: w.tokens.make(roles=["SERVICE-CENTRE"])), (403,)),
    Case("token", "roles as an object", bearing(lambda w: w.tokens.make(roles={"auditor": True})), (403,)),
    Case("token", "a page's session", lambda w: w.supplier_browser().client.get(API_ITEM), (401,)),
    Case("session", "a made-up name", with_cookie("a" * 43), (303,)),
    Case("session", "an empty name", with_cookie(""), (303,)),
    Case("session", "a name of 20,000 letters", with_cookie("a" * 20_000), (303,)),
    Case("session", "a name that is a path", with_cookie("../../run"), (303,)),
    Case("session", "two cookies", with_cookie("a; fdt-session=b"), (303,)),
    Case("csrf", "no token", looked_at(lambda b: b.post("/search", {"by": "device"}, csrf="")), (403,)),
    Case("csrf", "a made-up token", looked_at(lambda b: b.post("/sign-out", {}, csrf="ab" * 64)), (403,)),
    Case("csrf", "another session's token", another_sessions_token, (403,)),
    Case("csrf", "from another site", from_elsewhere("https://evil.example"), (403,)),
    Case("csrf", "from a sandbox", from_elsewhere("null"), (403,)),
    Case("csrf", "from another port", from_elsewhere("http://testserver:81"), (403,)),
    Case("csrf", "sign-out by a link", looked_at(lambda b: b.get("/sign-out")), (405,)),
    Case("csrf", "as plain text", form("/search", b"by=device&csrf=x", "text/plain"), (415,)),
    Case("csrf", "as JSON", form("/search", b"{}", "application/json"), (415,)),
    Case("csrf", "as multipart", form("/search", b"--x--", "multipart/form-data; boundary=x"), (415,)),
    Case("headers", "line ends in a return path", looked_at(lambda b: b.get("/sign-in/start?to=/search%0d%0aSet-Cookie:a=b")), (303, 503)),
    Case("headers", "a Host of somebody else's", lambda w: w.browser().client.get("/sign-in", headers={"Host": "evil.example", "Cookie": ""}), (200, 303)),
    Case("headers", "a forwarded Host", lambda w: w.browser().client.get("/sign-in", headers={"X-Forwarded-Host": "evil.example"}), (200, 303)),
    Case("headers", "an ETag of 10,000 letters", api(API_ITEM, headers={"If-None-Match": "a" * 10_000}), (200,)),
    Case("headers", "a range", api(f"/v1/service-requests/{R1}.csv", headers={"Range": "bytes=0-10"}), (200,)),
    Case("redirect", "to another site", looked_at(lambda b: b.get("/sign-in?to=https://evil.example")), (303,)),
    Case("redirect", "without a scheme", looked_at(lambda b: b.get("/sign-in?to=//evil.example")), (303,)),
    Case("redirect", "with a backslash", looked_at(lambda b: b.get("/sign-in?to=/%5cevil.example")), (303,)),
    Case("redirect", "to a script", looked_at(lambda b: b.get("/sign-in?to=javascript:alert(1)")), (303,)),
    Case("markup", "in a reason, on an item", looked_at(lambda b: b.get(b.item(D1, R1))), (200,)),
    Case("markup", "in a reason, in a list", looked_at(lambda b: b.get(b.request(R1))), (200,)),
    Case("markup", "in a search", looked_at(lambda b: b.post("/search", {"by": "device", "value": MARKUP})), (400,)),
    Case("markup", "in a choice", looked_at(lambda b: b.post("/search", {"by": MARKUP, "value": D1})), (400,)),
    Case("markup", "in a filter", looked_at(lambda b: b.get(b.request(R1), params={"status": MARKUP})), (422,)),
    Case("markup", "in a notice", looked_at(lambda b: b.get(b.item(D1, R1), params={"done": MARKUP[:20]})), (200,)),
    Case("markup", "in the log's user", lambda w: w.browser(Role.AUDITOR).post("/access-log", {"user": MARKUP}), (200,)),
    Case("markup", "in the log's action", lambda w: w.browser(Role.AUDITOR).post("/access-log", {"action": MARKUP}), (200,)),
    Case("markup", "in an address", looked_at(lambda b: b.get(f"/devices/{MARKUP}")), (404,)),
    Case("markup", "in a user's name", lambda w: w.browser(Role.SUPPLIER, user_ids=[ALPHA], subject=MARKUP).get("/search"), (200,)),
    Case("path", "up from the files", looked_at(lambda b: b.get("/assets/..%2f..%2fapp.py")), (404,)),
    Case("path", "up, encoded twice", looked_at(lambda b: b.get("/assets/%252e%252e%252fapp.py")), (404,)),
    Case("path", "a zero byte", looked_at(lambda b: b.get("/devices/%00")), (404,)),
    Case("path", "20,000 letters", looked_at(lambda b: b.get("/devices/" + "a" * 20_000)), (404, 422)),
    Case("path", "a device where a request is wanted", looked_at(lambda b: b.get(b.device(D1).replace("devices", "requests"))), (404,)),
    Case("path", "sealed by another key", looked_at(sealed_elsewhere), (404,)),
    Case("path", "an identifier itself", looked_at(lambda b: b.get(f"/devices/{D1}")), (404,)),
    Case("path", "a place of another kind", looked_at(lambda b: b.get(b.request(R1), params={"after": "x" * 32})), (404,)),
    Case("path", "a slash more", api(f"{API_ITEM}/"), (404,)),
    Case("path", "a foreign item below an own device", api(f"/v1/devices/{D1}/service-requests/{FOREIGN_R}"), (404,)),
    Case("path", "a foreign item's page", looked_at(lambda b: b.get(b.item(FOREIGN_D, FOREIGN_R))), (404,)),
    Case("path", "a foreign item's download", looked_at(lambda b: b.get(f"{b.request(FOREIGN_R)}/download")), (404,)),
    Case("parameters", "the limit twice", api(f"/v1/service-requests/{R1}?limit=1&limit=2"), (400,)),
    Case("parameters", "a limit beyond all", api(f"/v1/service-requests/{R1}?limit=99999999999999999999"), (422,)),
    Case("parameters", "a forged cursor", api(f"/v1/service-requests/{R1}?cursor=AAAA"), (422,)),
    Case("parameters", "a second criterion", api(f"/v1/devices/{D1}?device_id={FOREIGN_D}"), (400,)),
    Case("parameters", "a wildcard", api("/v1/devices/00-DB*"), (400,)),
    Case("parameters", "an injection", api("/v1/devices/' OR 1=1 --"), (400,)),
    Case("body", "a form of 1 MiB", form("/search", b"a=" + b"x" * (1 << 20), FORM), (413,)),
    Case("body", "10,000 fields", form("/search", b"a=&" * 5_000, FORM), (400,)),
    Case("body", "a field twice", form("/search", b"by=a&by=b", FORM), (400,)),
    Case("body", "no UTF-8", form("/search", b"by=%ff%fe", FORM), (400,)),
    Case("body", "JSON of 1 MiB", reset(content=b'{"reason":"' + b"x" * (1 << 20) + b'"}', headers={"Content-Type": "application/json"}), (413,)),
    Case("body", "JSON in JSON in JSON", reset(content=b"[" * 10_000, headers={"Content-Type": "application/json"}), (400,)),
    Case("body", "a list", reset(json=[ORDER]), (400,)),
    Case("body", "not a number", reset(content=b'{"reason": NaN}', headers={"Content-Type": "application/json"}), (400,)),
    Case("body", "a field too many", reset(json={**ORDER, "operator": "somebody else"}), (422,)),
    Case("body", "line ends in a reason", reset(json={**ORDER, "reason": "a\r\nSet-Cookie: x"}), (422,)),
    Case("body", "letters that turn the line round", reset(json={**ORDER, "reason": "\u202egnp"}), (422,)),
    Case("body", "a key of 10,000 letters", reset(json=ORDER, headers={"Idempotency-Key": "k" * 10_000}), (422,)),
    Case("body", "a reset by a supplier", api(f"{API_ITEM}/reset", method="POST", json=ORDER), (403,)),
    Case("method", "TRACE", api(API_ITEM, method="TRACE"), (405,)),
    Case("method", "PUT", api(API_ITEM, method="PUT"), (405,)),
    Case("method", "DELETE", api(API_ITEM, method="DELETE"), (405,)),
    Case("method", "an override", api(API_ITEM, headers={"X-HTTP-Method-Override": "DELETE"}), (200,)),
    Case("method", "a preflight of another site", api(API_ITEM, method="OPTIONS", headers={"Origin": "https://evil.example"}), (405,)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_an_attempt_is_refused(case: Case) -> None:
    """With the right answer, and nothing in it that should not be."""
    made = world()
    answer = case.attempt(made)
    assert answer.status_code in case.statuses, answer.text[:300]
    assert FOREIGN_D not in answer.text
    assert "Traceback" not in answer.text
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert "<img" not in answer.text
        assert "<script>alert" not in answer.text
    said = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    assert "evil" not in said.lower()
    assert "evil.example" not in answer.text
    assert "access-control-allow-origin" not in answer.headers
    assert made.damage == []


def test_the_list_is_long_enough_and_the_document_counts_it() -> None:
    """60 cases and more; docs/security.md says how many of each kind."""
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    counted = dict(re.findall(r"^\| ([a-z]+) \|.*\| (\d+) \|$", text, re.MULTILINE))
    found: dict[str, int] = {}
    for case in CASES:
        found[case.kind] = found.get(case.kind, 0) + 1
    assert {kind: int(number) for kind, number in counted.items()} == found
    assert len(CASES) >= 60


def test_no_cell_of_a_download_is_a_formula() -> None:
    """Whatever a source writes into its detail."""
    text = world().supplier().get(f"/v1/service-requests/{R1}.csv").text
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_slow_clients_keep_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 that never finish their headers, and a body that never ends (408)."""
    monkeypatch.setattr(bodies, "WITHIN_S", 0.5)
    with served(world(), tmp_path) as running:
        host, port = running.url.removeprefix("http://").split(":")
        slow = [socket.create_connection((host, int(port))) for _ in range(200)]
        try:
            for each in slow:
                each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            began = time.monotonic()
            assert httpx.get(f"{running.url}/healthz").status_code == 200
            assert time.monotonic() - began < 5
            _dawdling_body(host, int(port))
        finally:
            for each in slow:
                each.close()


def _dawdling_body(host: str, port: int) -> None:
    with socket.create_connection((host, port), timeout=10) as client:
        client.sendall(
            b"POST /development-sign-in/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\ncode="
        )
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["type"].endswith("too-slow")


def test_the_log_of_the_server_names_no_identifier(caplog: pytest.LogCaptureFixture) -> None:
    """Routes, never paths; nothing of a form."""
    caplog.set_level("INFO")
    made = world()
    browser = made.supplier_browser()
    browser.post("/search", {"by": "device", "value": D1})
    browser.get(browser.item(D1, R1))
    made.supplier().get(API_ITEM)
    ours = [record for record in caplog.records if record.name.startswith("query_api")]
    said = " ".join(record.getMessage() for record in ours)
    assert "/devices/{device_token}" in said
    assert D1 not in said
    assert R1 not in said
    assert browser.device(D1).rpartition("/")[2] not in said
