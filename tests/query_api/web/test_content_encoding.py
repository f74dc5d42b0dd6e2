"""Compressed for whoever takes it, where that gives nothing away; the same octets otherwise."""

from __future__ import annotations

import gzip
import zlib
from typing import Final

import pytest
from starlette.types import ASGIApp

from query_api.queries.rendering import CSV_CHUNK_ROWS
from tests.query_api.asgi import Sent, ask
from tests.query_api.world import World, accepted, device_id, rejected, request_id, still

R1: Final = request_id(1)
REQUEST, CSV = f"/v1/service-requests/{R1}", f"/v1/service-requests/{R1}.csv"
ITEM: Final = f"/v1/devices/{device_id(1)}/service-requests/{R1}"
DEVICE: Final = f"/v1/devices/{device_id(1)}"
TAKEN: Final = {
    "gzip": True,
    "GZIP": True,
    "x-gzip": True,
    "br, gzip": True,
    "gzip;q=1.0, identity;q=0.5": True,
    "gzip ; q=0.5": True,
    "gzip;q=0.001": True,
    "*": True,
    "identity;q=0, *;q=0.5": True,
    "gzip, identity": True,
    "": False,
    "identity": False,
    "br": False,
    "gzip;q=0": False,
    "gzip;q=0.000, *": False,
    "*;q=0": False,
    "gzip;q=0.5, identity;q=0.8": False,
    "notgzip": False,
    "gzip;q=nonsense": False,
    "identity;q=0": False,
}
"""``Accept-Encoding`` -> whether the answer is compressed."""


def asked(made: World, path: str, encoding: str | None, method: str = "GET", **more: str) -> Sent:
    """What a supplier is sent."""
    client = made.supplier()
    app: ASGIApp = client.app
    headers = {"authorization": client.headers["authorization"], **more}
    if encoding is not None:
        headers["accept-encoding"] = encoding
    return ask(app, method, path, headers)


@pytest.fixture(scope="module")
def world() -> World:
    """A request of more than one chunk."""
    made = World(clock=still)
    rows = {device_id(n): [(accepted if n % 3 else rejected)(R1, offset=n)] for n in range(1, 1200)}
    made.put(rows)
    return made


@pytest.mark.parametrize("path", [f"{REQUEST}?limit=100", CSV, ITEM])
@pytest.mark.parametrize(("encoding", "compressed"), [*TAKEN.items(), (None, False)])
def test_an_answer_is_compressed_for_who_takes_it(
    world: World, path: str, encoding: str | None, compressed: bool
) -> None:
    """By the weights of RFC 9110; what comes out is what others are sent."""
    plain = asked(world, path, None)
    answer = asked(world, path, encoding)
    assert answer.status == 200
    assert answer.header("content-encoding") == ("gzip" if compressed else None)
    assert "Accept-Encoding" in (answer.header("vary") or "")
    assert answer.header("vary") == plain.header("vary")
    assert answer.header("cache-control") == "no-store"
    assert answer.header("etag") == plain.header("etag")
    body = gzip.decompress(answer.body) if compressed else answer.body
    assert body == plain.body
    if path != CSV:
        assert answer.header("content-length") == str(len(answer.body))
    if compressed:
        assert len(answer.body) < len(plain.body)
    head = asked(world, path, encoding, "HEAD")
    assert (head.headers, head.body) == (answer.headers, b"")


def test_what_is_small_is_sent_as_it_is() -> None:
    """With the same ``Vary``: the next answer of that address may be large."""
    made = World(clock=still)
    made.put({device_id(1): [accepted(R1)]}, last_received={})
    small, large = (asked(made, path, "gzip") for path in (f"{REQUEST}?status=Reset by DCC", ITEM))
    assert small.header("content-encoding") is None
    assert large.header("content-encoding") == "gzip"
    assert small.header("vary") == large.header("vary") == "Accept-Encoding, Authorization"


def test_the_tag_of_a_compressed_answer_is_known(world: World) -> None:
    """Whichever way the first answer came, the next is a 304."""
    for first, second in (("gzip", "identity"), ("identity", "gzip"), ("gzip", "gzip")):
        etag = asked(world, DEVICE, first).header("etag") or ""
        again = asked(world, DEVICE, second, **{"if-none-match": etag})
        assert (again.status, again.body) == (304, b"")
        assert again.header("content-encoding") is None


def test_a_download_goes_out_as_it_is_made(world: World) -> None:
    """Every chunk can be read when it has come: nothing waits for the end, nothing is gathered."""
    plain, packed = asked(world, CSV, None), asked(world, CSV, "gzip")
    reader = zlib.decompressobj(31)
    read = [reader.decompress(chunk) for chunk in packed.chunks]
    assert len(plain.chunks) == 1 + -(-1199 // CSV_CHUNK_ROWS)
    assert read[: len(plain.chunks)] == plain.chunks
    assert reader.eof
    assert max(map(len, packed.chunks)) < max(map(len, plain.chunks)) / 5


@pytest.mark.parametrize(("encoding", "compressed"), TAKEN.items())
def test_pages_and_their_files_weigh_the_same_way(encoding: str, compressed: bool) -> None:
    """A page's token is masked anew each time, so that its length tells nothing."""
    made = World(clock=still)
    made.put({device_id(1): [accepted(R1)]})
    browser = made.supplier_browser()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    page = browser.request(R1)
    text = ask(browser.client.app, "GET", page, {"cookie": cookies}).body.decode()
    file = text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    for address in (page, file):
        headers = {"cookie": cookies, "accept-encoding": encoding}
        answer = ask(browser.client.app, "GET", address, headers)
        assert answer.status == 200
        assert answer.header("content-encoding") == ("gzip" if compressed else None)
        assert "Accept-Encoding" in (answer.header("vary") or "")


def test_a_refusal_is_not_compressed() -> None:
    """It is small, and it is the one answer that a caller without rights can choose."""
    made = World(clock=still)
    made.put({device_id(1): [accepted(R1)]})
    refused = asked(made, "/v1/devices/" + "x" * 200, "gzip")
    assert (refused.status, refused.header("content-encoding")) == (400, None)
