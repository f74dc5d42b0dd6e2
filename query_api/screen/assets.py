"""The screen's own files."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from query_api.screen.pages.assets import KEPT, PREFIX, assets
from query_api.web.content_encoding import accepts_gzip
from query_api.web.problems import Problem

router = APIRouter(include_in_schema=False)


@router.get(f"{PREFIX}{{name}}")
async def asset(request: Request, name: str) -> Response:
    """One file, to be kept for ever: its name changes with its content."""
    found = assets().get(name)
    if found is None:
        raise Problem("no-such-path", "There is no such file.")
    headers = {"Cache-Control": KEPT, "Vary": "Accept-Encoding"}
    if accepts_gzip(request.headers):
        headers["Content-Encoding"] = "gzip"
        return Response(found.compressed, headers=headers, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)
