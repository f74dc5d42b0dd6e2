"""The page on which the Service Centre resets one item."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from projections.lifecycle import Status
from projections.views import ItemView
from query_api.identity.sessions import Session
from query_api.resets.resets import (
    InvalidReset,
    ResetOrder,
    is_final,
    key_of,
    reason_of,
    reference_of,
    seen_event_of,
)
from query_api.screen.context import Screen
from query_api.screen.sealed import DeviceToken, RequestToken, device_of, request_of
from query_api.screen.session import CurrentSession, PostedFields, Showing
from query_api.web.problems import Problem
from schemas.identifiers import DeviceId, ServiceRequestId

_CHANGED: Final = "status"
_FIELDS: Final = {
    "reason": reason_of,
    "incident_reference": reference_of,
    "seen_event_id": seen_event_of,
    "key": key_of,
}


router = APIRouter(include_in_schema=False)
_PATH: Final = "/devices/{device_token}/requests/{request_token}/reset"


def _form(
    request: Request,
    screen: Screen,
    session: Session,
    item: ItemView,
    fields: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
) -> Response:
    address = screen.addresses.item(item.device_id, item.service_request_id)
    return screen.page(
        request,
        "reset.html",
        session,
        status=status,
        error=bool(errors),
        errors=errors,
        error_list=[{"text": text, "href": f"#{field}"} for field, text in errors.items()],
        item=item,
        final=is_final(item.status),
        confirmed=fields.get("confirm") == "yes",
        reason=fields.get("reason", ""),
        incident_reference=fields.get("incident_reference", ""),
        key=fields.get("key") or str(uuid.uuid4()),
        item_address=address,
        reset_address=f"{address}/reset",
    )


def item_of(
    screen: Showing, session: CurrentSession, device_token: DeviceToken, request_token: RequestToken
) -> ItemView:
    """A dependency: the item in the path, for a user who may reset it."""
    device, named = device_of(screen.seal, device_token), request_of(screen.seal, request_token)
    screen.resets.require(session.caller, device, named)
    return screen.queries.item(session.caller, device, named, again=True).item


Resettable = Annotated[ItemView, Depends(item_of)]


@router.get(_PATH)
def reset_form(
    request: Request, screen: Showing, session: CurrentSession, item: Resettable
) -> Response:
    """The form, with the consequences of a reset."""
    if item.status is Status.RESET_BY_DCC:
        return RedirectResponse(screen.addresses.item(item.device_id, item.service_request_id), 303)
    return _form(request, screen, session, item, {}, {}, 200)


@router.post(_PATH)
def reset(
    request: Request,
    screen: Showing,
    session: CurrentSession,
    fields: PostedFields,
    item: Resettable,
) -> Response:
    """Resets the item and shows it, or shows the form with the errors."""
    device, named = DeviceId(item.device_id), ServiceRequestId(item.service_request_id)
    said, errors = _understood(fields)
    if errors:
        return _form(request, screen, session, item, fields, errors, 422)
    order = ResetOrder(device, named, **said, confirmed=fields.get("confirm") == "yes")
    try:
        done = screen.resets.reset(session.caller, order)
    except Problem as problem:
        if problem.kind == "confirmation-needed":
            missing = {"confirm": "Confirm that a final status is to be reset"}
            return _form(request, screen, session, item, fields, missing, 409)
        if problem.kind == "status-changed":
            return _form(request, screen, session, item, _anew(fields), _changed(item), 409)
        raise
    address = screen.addresses.item(device, named)
    return RedirectResponse(f"{address}?done=reset{'' if done.shown else '-soon'}", 303)


def _understood(fields: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The valid fields, and field -> error of the others."""
    said, errors = {}, {}
    for name, check in _FIELDS.items():
        try:
            said[name] = check(fields.get(name, ""))
        except InvalidReset as error:
            errors[name] = str(error)
    return said, errors


def _anew(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields for a status that has changed: it needs a new decision, so the idempotency key is
    new and the confirmation is removed."""
    return {name: text for name, text in fields.items() if name not in ("key", "confirm")}


def _changed(item: ItemView) -> dict[str, str]:
    return {
        _CHANGED: f"The status has changed to {item.status.label} since you looked: check that it "
        "is still to be reset, and send the form again"
    }
