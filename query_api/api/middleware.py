"""Middleware around the whole application: headers, log line, metrics, and a 500 for a defect.

The log line names the route, never the path: paths contain identifiers.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from query_api.api.metrics import Metrics
from storage.store import StoreDamaged

logger = logging.getLogger(__name__)

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of an answer that does not set them itself."""
VARY: Final = "Authorization"
"""``Vary`` of every answer."""
NO_ROUTE: Final = "none"
ASKED_BY_MACHINES: Final = ("/healthz", "/readyz", "/metrics")
"""Asked for every few seconds. Their log lines would hide the others: they have level debug."""
ACCESS_LOG: Final = "query_api.access"
REQUEST_ID: Final = b"x-request-id"

_SENTENCE: Final = "answer: %(method)s %(route)s %(status)s in %(ms)s ms, %(bytes)s bytes"
_USABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


access_log = logging.getLogger(ACCESS_LOG)


class Observe:
    """ASGI middleware around the whole application.

    ``on_damage`` is called when a request finds the view damaged; ``failed`` makes the answer to a
    request that raised.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        on_damage: Callable[[Exception], None],
        failed: Callable[[Scope], ASGIApp],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._on_damage = on_damage
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; only HTTP requests are observed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with bound_contextvars(request_id=_request_id(scope)):
            await self._observed(scope, receive, _Answer(send))

    async def _observed(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        began = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:
            if isinstance(error, StoreDamaged):
                self._on_damage(error)
            if answer.status is not None:
                raise  # the answer has begun: the server closes the connection
            logger.error("a request to %s failed", _route(scope), exc_info=error)
            await self._failed(scope)(scope, receive, answer.send)
        finally:
            self._record(scope, answer, time.perf_counter() - began)

    def _record(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(route, answer.status, seconds)
        fields = {
            "method": scope["method"],
            "route": route,
            "status": answer.status,
            "ms": round(seconds * 1000, 1),
            "bytes": answer.size,
        }
        level = logging.DEBUG if route in ASKED_BY_MACHINES else logging.INFO
        access_log.log(level, _SENTENCE, fields, extra=fields)


class _Answer:
    """The answer as it is sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None
        """``None`` until the answer begins."""
        self.size = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.add_vary_header(VARY)
        else:
            self.size += len(message.get("body", b""))
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """The gateway's request ID, if it sent a usable one; else a new one."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID and _USABLE_ID.fullmatch(value):
            return bytes(value).decode("ascii")
    return secrets.token_hex(8)


def _route(scope: Scope) -> str:
    """The route's template, such as ``/v1/devices/{device_id}``."""
    return getattr(scope.get("route"), "path", NO_ROUTE)
