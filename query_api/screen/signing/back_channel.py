"""The back-channel logout route, to which the identity provider posts logout tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from query_api.audit.entry import Action, Outcome
from query_api.identity.access import Caller
from query_api.screen.session import Showing
from query_api.web.bodies import read_form
from query_api.web.problems import RETRY_AFTER_S, Problem

router = APIRouter(include_in_schema=False)


@router.post("/sign-in/back-channel")
def back_channel(
    screen: Showing, fields: Annotated[dict[str, str], Depends(read_form)]
) -> Response:
    """Ends the sessions that a logout token names; 200 once all read sides will apply it."""
    try:
        ended = screen.logout_tokens.read(fields.get("logout_token", ""))
    except Problem as problem:
        if problem.kind == "invalid-token":  # the provider is told by 400 (section 2.8)
            raise Problem("invalid-body", f"logout_token: {problem.detail}") from problem
        raise
    caller = Caller(ended.subject, frozenset(), frozenset())
    screen.queries.auditor.note(caller, Action.SIGN_OUT, "back-channel", Outcome.ACCEPTED)
    if not screen.sessions.end_of_provider(ended.provider_session, ended.subject, ended.at):
        raise Problem(
            "sign-in-unavailable",
            "It is ended here, and other read sides could not be told yet: send it again.",
            {"Retry-After": str(RETRY_AFTER_S)},
        )
    return Response(status_code=200)
