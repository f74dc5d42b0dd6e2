"""The auditors' page: the log of access and resets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from query_api.audit.entry import Action, Outcome
from query_api.audit.reading import MOST_ENTRIES, LogUnavailable, Question
from query_api.identity.sessions import Session
from query_api.screen.context import Screen
from query_api.screen.session import CurrentSession, PostedFields, Showing
from query_api.web.problems import RETRY_AFTER_S, Problem

_HOUR_MS: Final = 3_600_000
_PERIODS: Final = ((1, "The last hour"), (24, "The last day"), (168, "The last 7 days"))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The filter in the form."""

    hours: int = 24
    action: str | None = None
    outcome: str | None = None
    user: str | None = None


router = APIRouter(include_in_schema=False)


def _log_page(request: Request, screen: Screen, session: Session, chosen: Chosen) -> Response:
    since = screen.now_ms() - chosen.hours * _HOUR_MS
    question = Question(since, chosen.user, chosen.action, chosen.outcome)
    try:
        found = screen.queries.log(session.caller, question)
    except LogUnavailable as error:
        raise Problem(
            "log-unavailable",
            "The broker that keeps the access log does not answer: try again in a moment.",
            {"Retry-After": str(RETRY_AFTER_S)},
        ) from error
    return screen.page(
        request,
        "log.html",
        session,
        here="log",
        entries=found,
        most=MOST_ENTRIES,
        periods=_PERIODS,
        actions=[str(action) for action in Action],
        outcomes=[str(outcome) for outcome in Outcome],
        chosen=chosen,
    )


@router.get("/access-log")
def log(request: Request, screen: Showing, session: CurrentSession) -> Response:
    """The entries of the last day."""
    return _log_page(request, screen, session, Chosen())


@router.post("/access-log")
def filtered_log(
    request: Request, screen: Showing, session: CurrentSession, fields: PostedFields
) -> Response:
    """The entries that the form selects."""
    return _log_page(request, screen, session, _chosen(fields))


def _chosen(fields: dict[str, str]) -> Chosen:
    hours = fields.get("hours", "24")
    known = {str(number): number for number, _ in _PERIODS}
    if hours not in known:
        raise Problem(
            "invalid-parameter", "hours: there is no such period; choose one of the list."
        )
    return Chosen(
        known[hours],
        fields.get("action") or None,
        fields.get("outcome") or None,
        fields.get("user", "").strip() or None,
    )
