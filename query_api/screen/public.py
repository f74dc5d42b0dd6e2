"""Routes without sign-in: the screen's static files, and the explanation of each problem."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from query_api.screen.pages.assets import KEPT, PREFIX, assets
from query_api.screen.session import Showing
from query_api.web.content_encoding import accepts_gzip
from query_api.web.problem_words import WORDS
from query_api.web.problems import EXPLAINED, KINDS, TYPE_PREFIX, Problem

router = APIRouter(include_in_schema=False)


@router.get(f"{PREFIX}{{name}}")
async def asset(request: Request, name: str) -> Response:
    """A static file. Browsers may cache it without limit: its name changes with its content."""
    found = assets().get(name)
    if found is None:
        raise Problem("no-such-path", "There is no such file.")
    headers = {"Cache-Control": KEPT, "Vary": "Accept-Encoding"}
    if accepts_gzip(request.headers):
        headers["Content-Encoding"] = "gzip"
        return Response(found.compressed, headers=headers, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)


@router.get(f"{EXPLAINED}{{kind}}")
def explanation(request: Request, screen: Showing, kind: str) -> Response:
    """Explains a kind of problem and its remedy; ``type`` in a problem of the API links here."""
    if kind not in KINDS:
        raise Problem("no-such-path", "There is no such kind of problem.")
    status, title = KINDS[kind]
    words = WORDS[kind]
    return screen.page(
        request,
        "message.html",
        screen.session_of(request),
        heading=title,
        lines=[
            words.meaning,
            words.mend,
            f"The API answers {status} with the type {TYPE_PREFIX}{kind}. For example: "
            f"{words.detail}",
        ],
        links=[],
    )
