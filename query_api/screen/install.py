"""Installs the screen's routes in the application; :mod:`query_api.app` calls it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from query_api.screen import log, public, reset, results, search, session
from query_api.screen.context import Screen
from query_api.screen.errors import SignInNeeded, to_sign_in
from query_api.screen.signing import back_channel
from query_api.screen.signing.renewing import Renew


def install(app: FastAPI, screen: Screen) -> None:
    """Add the routes and middleware of ``screen`` to ``app``."""
    app.state.screen = screen
    app.add_middleware(Renew, screen=screen)
    for room in (session, back_channel, search, results, reset, log, public):
        app.include_router(room.router)

    @app.exception_handler(SignInNeeded)
    async def _sign_in_needed(request: Request, needed: SignInNeeded) -> Response:
        return to_sign_in(request, needed)
