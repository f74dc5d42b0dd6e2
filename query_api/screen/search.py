"""The search form: one criterion and one value. It redirects to a sealed address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from query_api.identity.sessions import Session
from query_api.queries.criteria import Unusable, typed
from query_api.screen.context import Screen
from query_api.screen.pages.presenters import MARKS
from query_api.screen.session import CurrentSession, PostedFields, Showing
from schemas.identifiers import DeviceId, ServiceRequestId

_REQUEST: Final = "request"
_DEVICE: Final = "device"
_KINDS: Final[dict[str, type[DeviceId | ServiceRequestId]]] = {
    _REQUEST: ServiceRequestId,
    _DEVICE: DeviceId,
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """An error in the form, and its field."""

    field: str
    text: str


router = APIRouter(include_in_schema=False)


def _form(
    request: Request,
    screen: Screen,
    session: Session,
    by: str = "",
    value: str = "",
    mistake: Mistake | None = None,
) -> Response:
    return screen.page(
        request,
        "search.html",
        session,
        status=400 if mistake else 200,
        fresh=screen.freshness(),
        here="search",
        by=by,
        value=value,
        error=mistake,
    )


@router.get("/search")
def search_form(request: Request, screen: Showing, session: CurrentSession) -> Response:
    """The form."""
    return _form(request, screen, session)


@router.post("/search")
def search(
    request: Request, screen: Showing, session: CurrentSession, fields: PostedFields
) -> Response:
    """Redirects to the page of the result, or shows the form with the error."""
    by, value = fields.get("by", ""), fields.get("value", "")
    found = understood(by, value)
    if isinstance(found, Mistake):
        return _form(request, screen, session, by, value, found)
    addresses = screen.addresses
    if isinstance(found, ServiceRequestId):
        return RedirectResponse(addresses.request(found), 303)
    return RedirectResponse(addresses.device(found), 303)


@router.get("/statuses")
def statuses(request: Request, screen: Showing, session: CurrentSession) -> Response:
    """The page that explains statuses and marks."""
    return screen.page(
        request, "statuses.html", session, here="statuses", marks=list(MARKS.values())
    )


def understood(by: str, value: str) -> DeviceId | ServiceRequestId | Mistake:
    """The identifier, or the error."""
    kind = _KINDS.get(by)
    if kind is None:
        return Mistake("by", "Choose Service Request ID or Device ID")
    if not value.strip():
        return Mistake("value", f"Enter a {kind.kind}")
    try:
        return typed(DeviceId, value) if kind is DeviceId else typed(ServiceRequestId, value)
    except Unusable as error:
        if error.other is not None:
            return Mistake(
                "value",
                f"This is a {error.other.kind}: choose {error.other.kind} above, or enter a "
                f"{kind.kind}",
            )
        return Mistake("value", str(error).removesuffix("."))
