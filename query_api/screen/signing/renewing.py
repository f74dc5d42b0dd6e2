"""Middleware that renews the session cookie with each answer to a user's action."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.identity.sessions import Session
from query_api.screen.context import Screen


class Renew:
    """ASGI middleware: sends the session that :func:`query_api.screen.session.live` renewed."""

    def __init__(self, app: ASGIApp, screen: Screen) -> None:
        self._app = app
        self._screen = screen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; only answers to HTTP requests have cookies."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def sending(message: Message) -> None:
            renewed: Session | None = state.get("renewed")
            if message["type"] == "http.response.start" and renewed is not None:
                cookie = self._screen.sessions.sealed(renewed)
                self._screen.give_session(MutableHeaders(scope=message), cookie)
            await send(message)

        await self._app(scope, receive, sending)
