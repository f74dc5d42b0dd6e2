"""Errors as RFC 9457 problem details: one shape for all of them, the framework's included.

A ``detail`` says how to correct the request, and never repeats an identifier in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from query_api.web.problem_words import AFTER_A_WHILE, WORDS
from runtime.logs import durations

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
"""``Retry-After`` while the view is being rebuilt."""

TYPE_PREFIX: Final = "urn:fdt:problem:"
MANUAL: Final = "docs/problems.md"
"""The manual's page of all kinds, each under its own name."""
EXPLAINED: Final = "/problems/"
"""Path under which the screen explains each kind."""
_OTHER: Final = "other"
_METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")


class ProblemDetails(BaseModel):
    """The body of every error."""

    type: str = Field(description="Stable name of the kind of problem, for programs.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="HTTP status code.")
    detail: str = Field(description="What is wrong this time, and how to put it right.")


class Problem(Exception):
    """A refusal or failure as an answer; ``kind`` is one of :data:`KINDS`."""

    def __init__(self, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})


KINDS: Final[dict[str, tuple[int, str]]] = {
    "invalid-criterion": (400, "The search value cannot be used"),
    "one-criterion": (400, "Exactly one criterion and one value"),
    "invalid-body": (400, "The body cannot be used"),
    "unknown-parameter": (400, "Unknown query parameter"),
    "not-signed-in": (401, "Sign in first"),
    "invalid-token": (401, "The access token is not accepted"),
    "forbidden": (403, "Your account has no right to this"),
    "csrf": (403, "The form cannot be accepted"),
    "not-found": (404, "Nothing is held for you under this ID"),
    "no-such-path": (404, "There is nothing at this address"),
    "method-not-allowed": (405, "This address does not take that method"),
    "too-slow": (408, "The request took too long to arrive"),
    "status-changed": (409, "The status has changed since you looked"),
    "already-reset": (409, "This item is reset already"),
    "confirmation-needed": (409, "The status is final: confirm the reset"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "The body is of the wrong type"),
    "invalid-reset": (422, "The reset cannot be accepted"),
    "invalid-parameter": (422, "A query parameter cannot be used"),
    "too-many": (429, "Too many requests"),
    "internal-error": (500, "The server failed"),
    "sign-in-unavailable": (503, "The identity provider does not answer"),
    "not-recorded": (503, "The reset could not be recorded"),
    "audit-full": (503, "The audit trail cannot be written"),
    "log-unavailable": (503, "The access log cannot be read"),
    "not-ready": (503, "The view is still being read"),
    "in-trouble": (503, "A part of the read side does not work"),
    _OTHER: (400, "The request cannot be answered"),
}
"""Kind -> (HTTP status, title)."""


def not_found(retention_ms: int) -> Problem:
    """The same for an unknown, another supplier's and an expired ID: it must not reveal which."""
    return Problem(
        "not-found",
        f"No firmware update of the last {durations.exactly(retention_ms)} is held for you under "
        "this ID. Check the ID; for anything older see the Service Audit Trail.",
    )


def not_ready(remaining: int | None) -> Problem:
    """The view has not caught up since the start (I11)."""
    how_far = (
        "the broker has not been reached yet"
        if remaining is None
        else f"{remaining} offsets of the status topic are still to be read"
    )
    return Problem(
        "not-ready",
        f"The read side has not caught up since it started ({how_far}): ask again in a moment.",
        {"Retry-After": str(RETRY_AFTER_S)},
    )


def not_yet(now_ms: int) -> Problem:
    """``as_at`` is in the future."""
    latest = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Problem("invalid-parameter", f"as_at: it lies in the future; the latest is {latest}.")


def in_trouble(troubles: Mapping[str, str]) -> Problem:
    """A part of this process does not work, so its answers cannot be relied on."""
    told = "; ".join(f"{part}: {why}" for part, why in troubles.items())
    return Problem("in-trouble", told, {"Retry-After": str(RETRY_AFTER_S)})


def too_many(told: str, retry_after_s: int) -> Problem:
    """A rate limit is exceeded; the next request is granted after ``retry_after_s`` seconds."""
    return Problem("too-many", told, {"Retry-After": str(retry_after_s)})


def no_trail() -> Problem:
    """The audit entry cannot be written, so nothing is answered."""
    return Problem(
        "audit-full",
        "What is asked is written down, and that cannot be done at the moment: try again in a "
        "minute, and tell the DCC Service Desk if it stays so.",
        {"Retry-After": "60"},
    )


def response(problem: Problem, status: int | None) -> Response:
    """The answer of the API for a problem."""
    number, title = KINDS[problem.kind]
    body = ProblemDetails(
        type=TYPE_PREFIX + problem.kind,
        title=title,
        status=status or number,
        detail=problem.detail,
    )
    headers = problem.headers | {"Link": f'<{EXPLAINED}{problem.kind}>; rel="help"'}
    return Response(
        body.model_dump_json(), status or number, headers=headers, media_type=MEDIA_TYPE
    )


def internal_error() -> Problem:
    """The problem for an unexpected exception."""
    return Problem(
        "internal-error", "This is a defect on our side: report it with the time of day."
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` for these error statuses, with an example of each kind of problem."""
    return {status: _documented(status) for status in statuses}


def _documented(status: int) -> dict[str, Any]:
    kinds = [kind for kind, (number, _) in KINDS.items() if number == status and _is_told(kind)]
    described: dict[str, Any] = {
        "description": "; ".join(KINDS[kind][1] for kind in kinds) + ".",
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemDetails"},
                "examples": {kind: _example(kind) for kind in kinds},
            }
        },
    }
    headers = described["headers"] = {
        "Link": {
            "description": "The page that explains this kind of problem, as rel=help (RFC 8288).",
            "schema": {"type": "string"},
        }
    }
    if any(WORDS[kind].again == AFTER_A_WHILE for kind in kinds):
        headers["Retry-After"] = {
            "description": "Seconds after which the same request may be answered.",
            "schema": {"type": "integer", "minimum": 1},
        }
    return described


def _is_told(kind: str) -> bool:
    return not WORDS[kind].on_pages


def _example(kind: str) -> dict[str, Any]:
    number, title = KINDS[kind]
    words = WORDS[kind]
    body = ProblemDetails(type=TYPE_PREFIX + kind, title=title, status=number, detail=words.detail)
    return {
        "summary": words.meaning,
        "description": f"{words.mend} See {MANUAL}#{kind}, or {EXPLAINED}{kind}.",
        "value": body.model_dump(),
    }


Respond = Callable[[Request, Problem, int | None], Response]
"""Makes the answer for a problem; a status, if given, overrides that of its kind."""


def install(app: FastAPI, respond: Respond) -> None:
    """Answer every error of ``app`` with ``respond``."""

    @app.exception_handler(Problem)
    async def _ours(request: Request, error: Problem) -> Response:
        return respond(request, error, None)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return respond(request, Problem("invalid-parameter", _explained(error)), None)

    @app.exception_handler(HTTPException)
    async def _framework(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            return respond(request, _method_not_allowed(request), None)
        return respond(request, *_framework_problem(error))


def _method_not_allowed(request: Request) -> Problem:
    """A 405 with all methods of the path in ``Allow``: the framework's own names only those of the
    first route."""
    asked = {**request.scope, "path_params": {}}
    taken = {
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**asked, "method": method})[0] is Match.FULL
    }
    allow = ", ".join(sorted(taken | {"HEAD"} if "GET" in taken else taken))
    return Problem("method-not-allowed", f"Use {allow} here.", {"Allow": allow})


def _framework_problem(error: HTTPException) -> tuple[Problem, int | None]:
    if error.status_code == 404:
        detail = "See /openapi.json for the addresses that this server answers."
        return Problem("no-such-path", detail), None
    return Problem(_OTHER, str(error.detail), error.headers), error.status_code


def _explained(error: RequestValidationError) -> str:
    """Which parameter is wrong and what is allowed, without repeating the value."""
    told = (f"{_name(found['loc'])}: {_sentence(found)}." for found in error.errors())
    return " ".join(dict.fromkeys(told))  # one sentence, however often a parameter is repeated


def _name(place: Sequence[str | int]) -> str:
    """The parameter's name, without its location and its index in a list; ``body`` for a body that
    cannot be read."""
    names = [part for part in place[1:] if isinstance(part, str)]
    return names[0] if names else str(place[0])


def _sentence(found: dict[str, Any]) -> str:
    reason = (found.get("ctx") or {}).get("error")
    return str(reason) if isinstance(reason, ValueError) else str(found["msg"])
