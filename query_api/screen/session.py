"""Sign-in, sign-out and the current session; every page depends on :func:`current_session`."""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from query_api.audit.entry import Action, Outcome
from query_api.identity.endings import EndingsUnknown
from query_api.identity.provider_http import ProviderAway
from query_api.identity.sessions import Session, TooLarge
from query_api.identity.sign_in import UNDER_WAY_S, SignedIn, SignInFailed
from query_api.screen.context import Screen
from query_api.screen.errors import SignInNeeded, is_refresh
from query_api.web.bodies import read_form
from query_api.web.problems import RETRY_AFTER_S, Problem

logger = logging.getLogger(__name__)

TABS: Final = 5
"""Pending sign-ins of one browser, at most."""
HOME: Final = "/search"
SIGN_OUT: Final = "/sign-out"

_LOCAL = re.compile(r"/(?:(?:requests|devices|search|statuses|access-log)(?:[/?][\w\-/?=&%+.]*)?)?")
_ENDED: Final = {
    "signed-out": "You have signed out.",
    "again": "Sign in to go on. You are signed out after a time without activity.",
}


def local_path(text: str) -> str:
    """``text`` if it is a local path, else the search: no redirect leads to another site."""
    return text if text != "/" and _LOCAL.fullmatch(text) else HOME


async def screen_of(request: Request) -> Screen:
    """A dependency: the pages that :func:`query_api.screen.install.install` was given."""
    screen: Screen = request.app.state.screen
    return screen


Showing = Annotated[Screen, Depends(screen_of)]


def current_session(request: Request, screen: Showing) -> Session:
    """A dependency: the browser's live session, of a user with a role that may read."""
    session = live(screen, request)
    screen.queries.admit(session.caller)
    return session


def posted_fields(
    request: Request, screen: Showing, fields: Annotated[dict[str, str], Depends(read_form)]
) -> dict[str, str]:
    """A dependency: the fields of a form, once its CSRF token is checked."""
    session = live(screen, request)
    origin = request.headers.get("origin", screen.public_url)
    if origin != screen.public_url or not session.accepts(fields.pop("csrf", "")):
        raise Problem(
            "csrf",
            "The form was not sent from a page of this sign-in, or the page is old: load the page "
            "again, and fill it in again.",
        )
    return fields


CurrentSession = Annotated[Session, Depends(current_session)]
PostedFields = Annotated[dict[str, str], Depends(posted_fields)]


def live(screen: Screen, request: Request) -> Session:
    """The live session of the browser; :class:`~query_api.screen.errors.SignInNeeded`."""
    cookie = request.cookies.get(screen.cookie)
    renew = not is_refresh(request)
    try:
        found = screen.sessions.find(cookie, renew=renew) if cookie else None
    except EndingsUnknown as error:
        raise _unknown(error) from error
    if found is None:
        raise SignInNeeded(_asked(request))
    if renew:
        request.state.renewed = found
    return found


def _asked(request: Request) -> str:
    """Path and query of a request, if it can be repeated after the sign-in."""
    if request.method != "GET":
        return HOME
    query = f"?{request.url.query}" if request.url.query else ""
    return local_path(request.url.path + query)


router = APIRouter(include_in_schema=False)


@router.get("/")
def home() -> Response:
    """Redirects to the search."""
    return RedirectResponse(HOME, 303)


@router.get("/sign-in")
def sign_in_page(request: Request, screen: Showing, to: str = HOME, after: str = "") -> Response:
    """The start page, with the button to sign in."""
    if screen.session_of(request) is not None:
        return RedirectResponse(local_path(to), 303)
    start = f"{screen.public_url}/sign-in/start?{urlencode({'to': local_path(to)})}"
    ended = _ENDED.get(after)
    return screen.page(request, "sign_in.html", None, start=start, ended=ended)


@router.get("/sign-in/start")
def start(request: Request, screen: Showing, to: str = HOME) -> Response:
    """Redirects to the identity provider."""
    try:
        begun = screen.sign_in.begin(local_path(to))
    except ProviderAway as error:
        raise _away(error) from error
    answer = RedirectResponse(begun.address, 303)
    _forget_others(screen, request, answer)
    answer.set_cookie(
        _cookie_of(screen, begun.state),
        begun.browser,
        max_age=int(UNDER_WAY_S),
        path="/",
        secure=screen.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/sign-in/callback")
def callback(request: Request, screen: Showing) -> Response:
    """The identity provider's answer: begins the session."""
    cookie = _cookie_of(screen, request.query_params.get("state", ""))
    browser = request.cookies.get(cookie)
    try:
        found = screen.sign_in.finish(browser, dict(request.query_params))
        answer = _begin(screen, request, found)
    except (SignInFailed, TooLarge) as error:
        return screen.page(
            request,
            "message.html",
            None,
            status=400,
            heading="You are not signed in",
            lines=[str(error)],
            links=[{"href": "/sign-in", "text": "Sign in"}],
        )
    except ProviderAway as error:
        raise _away(error) from error
    except EndingsUnknown as error:
        raise _unknown(error) from error
    _forget(screen, answer, cookie)
    return answer


@router.post(SIGN_OUT)
def sign_out(request: Request, screen: Showing, _: PostedFields) -> Response:
    """Ends the session on every read side and at the identity provider."""
    session = live(screen, request)
    everywhere = screen.sessions.end(request.cookies[screen.cookie])
    screen.queries.auditor.note(session.caller, Action.SIGN_OUT, None, Outcome.ACCEPTED)
    id_token = screen.sessions.id_token(session, request.cookies.get(screen.id_token_cookie, ""))
    onward = screen.sign_in.sign_out_address(id_token) or "/sign-in?after=signed-out"
    answer = RedirectResponse(onward, 303) if everywhere else _only_here(screen, request, onward)
    request.state.renewed = None
    answer.delete_cookie(screen.cookie, path="/", secure=screen.secure, httponly=True)
    answer.delete_cookie(screen.id_token_cookie, path=SIGN_OUT, secure=screen.secure, httponly=True)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _only_here(screen: Screen, request: Request, onward: str) -> Response:
    """The page after a sign-out that other read sides do not know of yet; they are told later."""
    logger.warning("a sign-out is not known to other read sides yet")
    return screen.page(
        request,
        "message.html",
        None,
        heading="You have signed out of this browser",
        lines=[
            "Not every part of the service has heard of it yet; each will as soon as it can be "
            "told. Until then a copy of this browser's cookies could still be used.",
        ],
        links=[{"href": onward, "text": "Finish signing out"}],
    )


def _begin(screen: Screen, request: Request, found: SignedIn) -> Response:
    """Begins a session with a new name, and ends the one that the browser had before."""
    cookie = screen.sessions.begin(found.caller, found.provider_session, found.signed_in_at)
    screen.queries.auditor.note(found.caller, Action.SIGN_IN, None, Outcome.ACCEPTED)
    screen.sessions.end(request.cookies.get(screen.cookie, ""))
    answer = RedirectResponse(found.return_to, 303)
    screen.give_session(answer.headers, cookie)
    if (kept := screen.sessions.sealed_id_token(cookie, found.id_token)) is not None:
        answer.set_cookie(
            screen.id_token_cookie,
            kept,
            path=SIGN_OUT,
            secure=screen.secure,
            httponly=True,
            samesite="lax",
        )
    return answer


def _prefix(screen: Screen) -> str:
    """Beginning of the names of sign-in cookies. Browsers accept ``__Host-`` only from this host
    over HTTPS."""
    return "__Host-fdt-sign-in-" if screen.secure else "fdt-sign-in-"


def _cookie_of(screen: Screen, state: str) -> str:
    """Name of the cookie of one sign-in: two tabs do not overwrite each other's."""
    return _prefix(screen) + hashlib.sha256(state.encode()).hexdigest()[:16]


def _forget(screen: Screen, answer: Response, cookie: str) -> None:
    answer.delete_cookie(cookie, path="/", secure=screen.secure, httponly=True)


def _forget_others(screen: Screen, request: Request, answer: Response) -> None:
    """Deletes the cookies of abandoned sign-ins, if there are more than :data:`TABS`."""
    begun = [name for name in request.cookies if name.startswith(_prefix(screen))]
    if len(begun) >= TABS:
        for name in begun:
            _forget(screen, answer, name)


def _unknown(error: EndingsUnknown) -> Problem:
    logger.warning("nobody's session is believed: %s", error)
    return Problem(
        "sign-in-unavailable",
        "Who has signed out is not known at the moment: try again in a moment.",
        {"Retry-After": str(RETRY_AFTER_S)},
    )


def _away(error: ProviderAway) -> Problem:
    logger.warning("nobody can sign in: %s", error)
    return Problem(
        "sign-in-unavailable",
        "The identity provider cannot be reached: try again in a moment.",
        {"Retry-After": str(RETRY_AFTER_S)},
    )
