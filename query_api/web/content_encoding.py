"""Smaller answers for those who accept it, and ``HEAD`` wherever ``GET`` is.

What programs ask for with a bearer token is compressed here: no browser sends such a token for a
stranger, so a stranger cannot measure what he makes a browser fetch (BREACH). Pages compress
themselves, with their secrets in other letters each time; what they download by a cookie is sent as
it is (docs/decisions/0021).
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES: Final = 1_000
"""Smaller answers gain nothing."""
LEVEL: Final = 5
"""Of gzip: the highest before the time it takes doubles."""

HEAD_ONLY: Final = "fdt.head_only"
"""Key of a scope whose ``GET`` was ``HEAD``."""

_CODING: Final = re.compile(r"\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_FOR_PROGRAMS: Final = ("/v1/", "/openapi.json", "/metrics")


class Compress:
    """ASGI middleware that compresses what programs ask for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or not _gains(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "Accept-Encoding" not in headers.get("vary", ""):  # else it stands there twice
                    headers.add_vary_header("Accept-Encoding")
            await send(message)

        chosen = self._app
        if accepts_gzip(Headers(scope=scope)):
            chosen = GZipResponder(self._app, LEAST_BYTES, LEVEL)
        await chosen(scope, receive, varying)


def _gains(path: str) -> bool:
    """What programs ask for; a workbook is compressed in itself."""
    return path.startswith(_FOR_PROGRAMS) and not path.endswith(".xlsx")


def accepts_gzip(headers: Headers) -> bool:
    """Whether ``Accept-Encoding`` takes gzip, and likes it no less than the plain answer (RFC 9110,
    section 12.5.3); a part that is not understood counts for nothing."""
    weights: dict[str, float] = {}
    for header in headers.getlist("accept-encoding"):
        for part in header.lower().split(","):
            if match := _CODING.fullmatch(part):
                weight = 1.0 if match[2] is None else min(float(match[2]), 1.0)
                weights[match[1].removeprefix("x-")] = weight  # x-gzip is gzip
    gzip = weights.get("gzip", weights.get("*", 0.0))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def is_head_only(scope: Scope) -> bool:
    """Whether nobody is sent the body, so that one that costs much need not be made."""
    return HEAD_ONLY in scope


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

        scope["method"], scope[HEAD_ONLY] = "GET", True
        try:
            await self._app(scope, receive, without_body)
        finally:
            scope["method"] = "HEAD"
