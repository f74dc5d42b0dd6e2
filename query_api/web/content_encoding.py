"""Middleware: gzip for the API, and ``HEAD`` wherever there is ``GET``.

Answers of the API are compressed here. They need a bearer token, which a browser does not send on
behalf of another site, so that no other site can measure their length (BREACH). Pages are
compressed where they are made, with masked secrets; their downloads are sent uncompressed
(docs/decisions/0021).
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES: Final = 1_000
"""Shorter answers are not compressed: it would gain nothing."""
LEVEL: Final = 5
"""Level of gzip: the next one takes twice the time."""

HEAD_ONLY: Final = "fdt.head_only"
"""Key of a scope whose ``GET`` was ``HEAD``."""

_CODING: Final = re.compile(r"\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_FOR_PROGRAMS: Final = ("/v1/", "/openapi.json", "/metrics")


class Compress:
    """ASGI middleware that compresses the answers of the API."""

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
                if "Accept-Encoding" not in headers.get("vary", ""):  # never twice
                    headers.add_vary_header("Accept-Encoding")
            await send(message)

        chosen = self._app
        if accepts_gzip(Headers(scope=scope)):
            chosen = GZipResponder(self._app, LEAST_BYTES, LEVEL)
        await chosen(scope, receive, varying)


def _gains(path: str) -> bool:
    """Whether the answer of a path is to be compressed; a workbook already is."""
    return path.startswith(_FOR_PROGRAMS) and not path.endswith(".xlsx")


def accepts_gzip(headers: Headers) -> bool:
    """Whether ``Accept-Encoding`` accepts gzip with at least the weight of *identity* (RFC 9110,
    section 12.5.3). Parts that are not understood are ignored."""
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
    """ASGI middleware that answers ``HEAD`` like ``GET``, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            scope["method"] = "HEAD"  # for HEAD the server does not check the body's length
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)
            scope["method"] = "GET"

        scope["method"], scope[HEAD_ONLY] = "GET", True
        try:
            await self._app(scope, receive, without_body)
        finally:
            scope["method"] = "HEAD"
