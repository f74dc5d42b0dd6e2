"""``HEAD`` is ``GET`` without a body, at every address; ``Allow`` tells what may be sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Final

import pytest
from starlette.types import ASGIApp

from query_api.identity.access import Role
from query_api.screen.pages.assets import assets
from storage.store import MemoryStore, Reading
from tests.query_api.asgi import Sent, ask
from tests.query_api.test_walk import (
    AUDITOR_ONLY,
    CENTRE_ONLY,
    OWN,
    named,
    page_path,
    routes,
    world,
)
from tests.query_api.world import ALPHA, World, device_id, new_view, rejected, still

ROUTES: Final = sorted(set(routes(world().app().routes)))
READ: Final = [route.removeprefix("GET ") for route in ROUTES if route.startswith("GET ")]
FILES: Final = [
    path for path in READ if path.endswith((".csv", ".xlsx", "/download", "/spreadsheet"))
]
"""Downloads: what is in them is as long as it turns out."""
ANEW: Final = re.compile(r"(state|nonce|code_challenge|fdt-sign-in|fdt-session)=[\w=-]+")
"""What is another at each start of a sign-in, or each time that a session is sealed."""


def role_for(path: str) -> Role:
    """Somebody who may read there."""
    if f"GET {path}" in CENTRE_ONLY:
        return Role.SERVICE_CENTRE
    return Role.AUDITOR if f"GET {path}" in AUDITOR_ONLY else Role.SUPPLIER


def somebody(made: World, path: str) -> tuple[ASGIApp, str, dict[str, str]]:
    """An application, an address of it, and the headers of who may read there."""
    device, request = named(OWN)
    if path.startswith("/v1"):
        client = made.client(role_for(path), user_ids=[ALPHA])
        address = path.format(device_id=device, service_request_id=request)
        return client.app, address, {"authorization": client.headers["authorization"]}
    browser = made.browser(role_for(path), user_ids=[ALPHA])
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    address = page_path(browser, path, OWN)
    if "{name}" in path:
        address = path.format(name=next(iter(assets())))
    return browser.client.app, address, {"cookie": cookies, "accept": "text/html"}


def shape(sent: Sent) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers, without what is another each time."""
    return sent.status, sorted((name, ANEW.sub(r"\1", value)) for name, value in sent.headers)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("known", [True, False], ids=["signed in", "nobody"])
def test_head_is_get_without_a_body(path: str, known: bool, encoding: str) -> None:
    """Status, headers and traces are those of ``GET``, whoever asks; not one byte of a body."""
    answers, traces = [], []
    for method in ("GET", "HEAD"):
        made = world()
        app, address, who = somebody(made, path)
        asked = who if known else {"accept": who.get("accept", "")}
        answers.append(ask(app, method, address, {"accept-encoding": encoding, **asked}))
        traces.append([(e.action, e.outcome, e.rows) for e in made.trail.entries])
    got, head = answers
    assert head.body == b""
    if path in FILES:
        assert head.header("content-length") is None or not known
        traces[0] = [(action, outcome, 0) for action, outcome, _ in traces[0]]
    if path in {"/metrics", *FILES} or got.header("content-encoding") == "gzip":
        got, head = length_left_out(got), length_left_out(head)
    assert shape(head) == shape(got)
    assert traces[0] == traces[1]


class ReadStore(MemoryStore):
    """A store that counts the entries that are read one after the other."""

    def __init__(self, content: Mapping[bytes, bytes] | None = None) -> None:
        super().__init__(content)
        self.read = 0

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Those of a prefix."""
        for entry in super().scan(prefix, start):
            self.read += 1
            yield entry

    def snapshot(self) -> AbstractContextManager[Reading]:
        """Itself: nobody writes meanwhile."""
        return nullcontext(self)


@pytest.mark.parametrize("path", FILES)
def test_head_of_a_download_makes_no_body(path: str) -> None:
    """It is answered by the look whether there is anything, however much there is; no row counts as
    shown."""
    store = ReadStore()
    made = World(new_view(store), clock=still)
    request = str(named(OWN)[1])
    reports = {device_id(n): [rejected(request, offset=n)] for n in range(1, 300)}
    made.put(reports)
    app, address, who = somebody(made, path)
    read, sizes = {}, {}
    for method in ("HEAD", "GET"):
        store.read = 0
        sizes[method] = len(ask(app, method, f"{address}?reason=E5", who).body)
        read[method] = store.read
    assert sizes["HEAD"] == 0 < sizes["GET"]
    assert read["HEAD"] < 10 < 299 <= read["GET"]
    assert [entry.rows for entry in made.trail.entries] == [0, 299]


def length_left_out(sent: Sent) -> Sent:
    """An answer whose length is another each time, as a token or a time in it is another."""
    kept = [(name, value) for name, value in sent.headers if name != "content-length"]
    return Sent(sent.status, kept, sent.chunks)


def test_head_counts_against_the_limits() -> None:
    """Whoever has used up his searches has used them up for ``HEAD`` too."""
    made = world()
    made.screen = replace(made.screen, searches_per_minute=2)
    app, address, who = somebody(made, "/v1/devices/{device_id}")
    statuses = [ask(app, method, address, who).status for method in ("HEAD", "GET", "HEAD", "GET")]
    assert statuses == [200, 200, 429, 429]


@pytest.mark.parametrize("path", sorted({route.split(" ")[1] for route in ROUTES}))
@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PATCH"])
def test_another_method_is_told_what_the_address_takes(path: str, method: str) -> None:
    """405 with all methods of the address, ``HEAD`` among them wherever ``GET`` is."""
    app, address, who = somebody(world(), path)
    taken = {route.split(" ")[0] for route in ROUTES if route.split(" ")[1] == path}
    if "GET" in taken:
        taken.add("HEAD")
    answer = ask(app, method, address, {**who, "accept": "*/*"})
    assert answer.status == 405
    assert answer.header("allow") == ", ".join(sorted(taken))


def test_the_document_says_that_head_is_answered() -> None:
    """It lists ``GET`` once, and says that ``HEAD`` goes with it."""
    document = world().stranger().get("/openapi.json").json()
    assert "HEAD" in document["info"]["description"]
    assert all("head" not in operations for operations in document["paths"].values())
