"""What HTTP clients and proxies expect: HEAD, smaller answers, ETags that hold, named errors."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from query_api.api import common
from query_api.identity.access import Role
from query_api.web import base64url
from query_api.web.content_encoding import accepts_gzip
from query_api.web.problems import Problem
from schemas.identifiers import DeviceId
from tests.query_api.world import T0, World, accepted, approved, device_id, request_id

R1 = request_id(1)
PAGE = f"/v1/service-requests/{R1}"
ITEM = f"/v1/devices/{device_id(1)}/service-requests/{R1}"


@pytest.fixture
def world() -> World:
    """Forty devices of one request."""
    found = World()
    found.put({device_id(n): [accepted(R1)] for n in range(1, 41)})
    return found


def paths(found: list[BaseRoute]) -> Iterator[str]:
    """Every address that GET answers, its parameters filled in."""
    known = {"service_request_id": R1, "device_id": str(device_id(1))}
    for route in found:
        for each in getattr(getattr(route, "original_router", None), "routes", [route]):
            if "GET" in (getattr(each, "methods", None) or ()):
                names = re.findall(r"{(\w+)", each.path)
                yield re.sub(r"{\w+(:\w+)?}", "{}", each.path).format(
                    *(known.get(name, "x") for name in names)
                )


def test_head_is_get_without_a_body_everywhere(world: World) -> None:
    """Status and headers are those of GET; what the application answers only to GET is found."""
    browser = world.supplier_browser()
    walked = sorted(set(paths(world.app().routes)))
    assert len(walked) > 20
    for path in walked:
        client = world.supplier() if path.startswith("/v1/") else browser.client
        got, head = client.get(path), client.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        varying = {"set-cookie", "location", "content-length", "fdt-as-of"}
        told = {n: v for n, v in got.headers.items() if n not in varying}
        assert {n: v for n, v in head.headers.items() if n not in varying} == told, path
        if path == ITEM:
            assert head.headers["content-length"] == got.headers["content-length"]


def test_what_only_takes_post_says_so(world: World) -> None:
    """HEAD is no GET there, and what GET answers names HEAD among the methods."""
    client = world.supplier()
    assert client.head(f"{ITEM}/reset").headers["allow"] == "POST"
    assert client.post(PAGE).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("header", "accepted_"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("gzip;q=many", False),
        ("identity", False),
        ("gzipped", False),
        ("", False),
    ],
)
def test_gzip_is_what_the_header_says(header: str, accepted_: bool) -> None:
    """Named, and not refused by a quality of zero."""
    assert accepts_gzip(Headers({"accept-encoding": header})) is accepted_


def test_programs_get_smaller_answers_if_they_want(world: World) -> None:
    """JSON and CSV; the same bytes once unpacked, and said to depend on the header."""
    client = world.supplier()
    for path in (PAGE, f"{PAGE}.csv", "/openapi.json"):
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
        with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as packed:
            raw = b"".join(packed.iter_raw())
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw) == plain.content
        assert len(raw) < len(plain.content) / 3
        assert "Accept-Encoding" in plain.headers["vary"]
        assert "Accept-Encoding" in packed.headers["vary"]


def test_what_a_browser_downloads_by_a_cookie_is_sent_as_it_is(world: World) -> None:
    """A stranger can have a browser fetch it, and would learn from its size."""
    browser = world.supplier_browser()
    path = browser.request(R1) + "/download"
    answer = browser.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


def test_an_item_that_did_not_change_stays_unmodified_while_others_do(world: World) -> None:
    """Freshness is told in headers, and is not what was asked for."""
    client = world.supplier()
    first = client.get(ITEM)
    world.put({device_id(2): [accepted(R1), approved(R1, offset=1)]}, seen_at=T0 + 120_000)
    again = client.get(ITEM, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["fdt-as-of"] == "2026-11-23T06:01:00.000Z"
    assert again.headers["fdt-as-of"] == "2026-11-23T06:02:00.000Z"
    world.put({device_id(1): [accepted(R1), approved(R1, offset=1)]})
    changed = client.get(ITEM, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


def test_an_etag_changes_with_whatever_is_shown(world: World) -> None:
    """Every step of an item has another one, on all three addresses; the same step the same."""
    steps = [[accepted(R1)], [accepted(R1), approved(R1, offset=1)]]
    steps += [[*steps[-1], approved(R1, offset=2, at=T0 + 5)]]
    client, seen = world.supplier(), set[tuple[str, str]]()
    for reports in steps * 2:
        world.put({device_id(1): reports})
        seen.add((ITEM, client.get(ITEM).headers["etag"]))
        seen.add((PAGE, client.get(PAGE).headers["etag"]))
    assert sum(path == ITEM for path, _ in seen) == len(steps)
    assert sum(path == PAGE for path, _ in seen) == 2  # the list shows the status alone


@pytest.mark.parametrize("sent", ['W/"{}"', '"{}"', 'W/"{}-gzip"', '"{};gzip"', '"x", W/"{}"', "*"])
def test_an_etag_is_known_in_the_spellings_of_proxies(world: World, sent: str) -> None:
    """They make it weak, or add what they did."""
    client = world.supplier()
    tag = client.get(ITEM).headers["etag"].removeprefix("W/").strip('"')
    headers = {"If-None-Match": sent.format(tag)}
    assert client.get(ITEM, headers=headers).status_code == 304


def query_parameters(world: World) -> list[tuple[str, str, bool]]:
    """(path, parameter, whether it takes any text) of the published document."""
    document = world.stranger().get("/openapi.json").json()
    return [
        (path, parameter["name"], parameter["name"] == "cursor")
        for path, methods in document["paths"].items()
        for parameter in methods.get("get", {}).get("parameters", [])
        if parameter["in"] == "query" and not path.endswith(("/devices", "/service-requests"))
    ]


def test_an_error_names_the_parameter_as_it_was_sent(world: World) -> None:
    """Never an index or a name of ours; every query parameter of every address."""
    client, found = world.supplier(), query_parameters(world)
    assert len(found) >= 6
    for path, name, _ in found:
        asked = path.replace("{service_request_id}", R1).replace("{device_id}", device_id(1))
        answer = client.get(asked, params={name: "no such thing " * 10})
        assert answer.status_code == 422, (path, name)
        assert answer.json()["detail"].startswith(f"{name}: "), answer.json()


@pytest.mark.parametrize("body", ["{", "[]", '{"reason": 7}'])
def test_an_error_of_a_body_names_the_field(world: World, body: str) -> None:
    """Or the body, where that cannot be read."""
    answer = world.client(Role.SERVICE_CENTRE).post(
        f"{ITEM}/reset",
        content=body,
        headers={"Content-Type": "application/json", "Idempotency-Key": "k"},
    )
    assert answer.status_code in (400, 422)
    assert not answer.json()["detail"][0].isdigit()


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= "


def test_a_text_of_bytes_has_one_spelling() -> None:
    """Change any character to any other, and it is another's or nobody's."""
    for length in range(1, 7):
        data = bytes(range(7, 7 + length))
        text = base64url.encode(data)
        for at in range(len(text)):
            for letter in set(ALPHABET) - {text[at]}:
                other = text[:at] + letter + text[at + 1 :]
                assert _decoded(other) != data, other
        for other in (text + "=", text + "==", text + " ", text + "\n", " " + text):
            assert _decoded(other) is None


def _decoded(text: str) -> bytes | None:
    try:
        return base64url.decode(text)
    except ValueError:
        return None


def test_a_cursor_has_one_spelling() -> None:
    """Not that of the Device ID in another case, nor with another last character."""
    device = DeviceId("00-DB-12-34-56-78-90-AB")
    text = common.cursor(device)
    assert text is not None
    assert common.place(text) == device
    lower = base64url.encode(b"\x01" + device.lower().encode())
    others = [text[:-1] + letter for letter in ALPHABET if letter != text[-1]]
    for other in [lower, text + "=", *others]:
        assert _place(other) != device, other


def _place(text: str) -> Any:
    try:
        return common.place(text)
    except Problem:
        return None


def test_a_sealed_address_has_one_spelling(world: World) -> None:
    """Any character changed to any other of the alphabet is no address."""
    browser = world.supplier_browser()
    seal = browser.screen.seal
    for text, opened in (
        (seal.device(device_id(1)), seal.open_device),
        (seal.request(R1), seal.open_request),  # type: ignore[arg-type]
    ):
        for at in range(len(text)):
            for letter in set(ALPHABET) - {text[at]}:
                with pytest.raises(ValueError, match="not made by this system"):
                    opened(text[:at] + letter + text[at + 1 :])
    address = browser.device(device_id(1))
    assert browser.get(address).status_code == 200
    last = address[-1]
    for letter in set(ALPHABET[:64]) - {last}:
        assert browser.get(address[:-1] + letter).status_code == 404
