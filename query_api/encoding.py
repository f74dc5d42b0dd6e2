"""Smaller answers for those who accept it, and ``HEAD`` wherever ``GET`` is.

What programs ask for with a bearer token is compressed here: no browser sends such a token for a
stranger, so a stranger cannot measure what he makes a browser fetch (BREACH). Pages compress
themselves, with their secrets in other letters each time; what they download by a cookie is sent as
it is (docs/decisions/0021).
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES: Final = 1_000
"""Smaller answers gain nothing."""
LEVEL: Final = 5
"""Of gzip: the highest before the time it takes doubles."""

_FOR_PROGRAMS: Final = ("/v1/", "/openapi.json", "/metrics")


class Compress:
    """ASGI middleware that compresses what programs ask for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, LEAST_BYTES, LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or not _gains(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
            await send(message)

        chosen = self._compressing if accepts_gzip(Headers(scope=scope)) else self._app
        await chosen(scope, receive, varying)


def _gains(path: str) -> bool:
    """What programs ask for; a workbook is compressed in itself."""
    return path.startswith(_FOR_PROGRAMS) and not path.endswith(".xlsx")


def accepts_gzip(headers: Headers) -> bool:
    """Whether ``Accept-Encoding`` takes gzip: named, and not with a quality of zero (RFC 9110,
    section 12.5.3)."""
    qualities: dict[str, float] = {}
    for part in headers.get("accept-encoding", "").lower().split(","):
        coding, _, parameter = part.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            qualities[coding.strip()] = float(value) if name == "q" else 1.0
        except ValueError:
            qualities[coding.strip()] = 0.0
    return qualities.get("gzip", 0.0) > 0


class Head:
    """ASGI middleware that answers ``HEAD`` as ``GET`` without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            scope["method"] = "HEAD"  # the server compares the body's length only for other methods
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)
            scope["method"] = "GET"

        scope["method"] = "GET"
        try:
            await self._app(scope, receive, without_body)
        finally:
            scope["method"] = "HEAD"
