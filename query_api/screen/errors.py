"""Problems as pages: what is wrong and what to do, without the value that was looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from query_api.screen.context import Screen
from query_api.web.problems import KINDS, Problem

_FOR_PROGRAMS: Final = ("/v1", "/healthz", "/readyz", "/metrics", "/openapi.json")
_REFRESH: Final = "hx-request"

_HEADINGS: Final[Mapping[str, str]] = {
    "forbidden": "Your account has no access to this",
    "no-such-path": "Page not found",
    "method-not-allowed": "Page not found",
    "internal-error": "Sorry, there is a problem with the service",
    "not-ready": "The service is starting",
    "too-many": "You have asked too often",
    "sign-in-unavailable": "You cannot sign in at the moment",
}
_LINES: Final[Mapping[str, str]] = {
    "no-such-path": "If you typed the address, check it. If you followed a link that was kept for "
    "long, search again.",
    "method-not-allowed": "This address is not a page: search again.",
}


class SignInNeeded(Exception):
    """The browser has no live session; ``return_to`` is the local path that was asked for."""

    def __init__(self, return_to: str) -> None:
        super().__init__("sign in first")
        self.return_to = return_to


def is_refresh(request: Request) -> bool:
    """Whether an open page refreshes itself."""
    return request.headers.get(_REFRESH) == "true"


def is_for_people(request: Request) -> bool:
    """Whether the answer is for a browser."""
    path = request.url.path
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in _FOR_PROGRAMS):
        return False
    return "text/html" in request.headers.get("accept", "") or is_refresh(request)


def to_sign_in(request: Request, needed: SignInNeeded) -> Response:
    """A redirect to the sign-in, which returns to the page that was asked for."""
    address = f"/sign-in?{urlencode({'to': needed.return_to})}"
    if is_refresh(request):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def problem_page(
    screen: Screen, request: Request, problem: Problem, status: int | None
) -> Response:
    """A problem as a page."""
    number, title = KINDS[problem.kind]
    session = screen.session_of(request)
    if problem.kind == "not-found":
        return screen.page(request, "nothing.html", session, status=number)
    links = [{"href": "/search", "text": "Go to the search"}] if session else []
    if problem.kind == "forbidden":
        links = []
    answer = screen.page(
        request,
        "message.html",
        session,
        status=status or number,
        heading=_HEADINGS.get(problem.kind, title),
        lines=[_LINES.get(problem.kind, problem.detail)],
        links=links,
    )
    answer.headers.update(problem.headers)
    return answer
