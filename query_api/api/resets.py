"""``POST …/reset``: the Service Centre ends the tracking of one item."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from query_api.api import common
from query_api.api.common import Serving, SignedIn
from query_api.api.parameters import DevicePath, RequestPath
from query_api.queries import answers
from query_api.queries.criteria import check_parameters, one
from query_api.resets.resets import (
    InvalidReset,
    ResetOrder,
    key_of,
    reason_of,
    reference_of,
    seen_event_of,
)
from query_api.web.bodies import read_json
from query_api.web.problems import Problem
from schemas.identifiers import DeviceId, ServiceRequestId

_NONE: frozenset[str] = frozenset()
_FIELDS = frozenset(answers.ResetOrder.model_fields)


def _documented_body() -> dict[str, Any]:
    schema = answers.ResetOrder.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


router = APIRouter(tags=["Resets"])
Body = Annotated[dict[str, Any], Depends(read_json)]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="One for each decision, such as a UUID: the same again changes nothing.",
    ),
]


@router.post(
    "/v1/devices/{device_id}/service-requests/{service_request_id}/reset",
    status_code=201,
    response_model=answers.ResetAnswer,
    responses=common.errors(404, 408, 409, 413, 415, 422),
    openapi_extra=_documented_body(),
)
def reset_item(
    request: Request,
    services: Serving,
    caller: SignedIn,
    device_id: DevicePath,
    service_request_id: RequestPath,
    body: Body,
    idempotency_key: Key = "",
) -> Response:
    """Reset one item (Service Centre only); answered once the event is durable."""
    check_parameters(request, _NONE, _NONE)
    device, named = one(DeviceId, device_id), one(ServiceRequestId, service_request_id)
    services.resets.require(caller, device, named)
    order = _order(device, named, body, idempotency_key)
    done = services.resets.reset(caller, order)
    answer = answers.ResetAnswer(
        service_request_id=named,
        device_id=device,
        status="Reset by DCC",
        evidence=answers.Evidence(
            topic=done.place.topic,
            partition=done.place.partition,
            offset=done.place.offset,
            event_id=done.event_id,
        ),
        shown=done.shown,
    )
    return Response(answer.model_dump_json(), 201, media_type="application/json")


def _order(
    device: DeviceId, request: ServiceRequestId, body: dict[str, Any], key: str
) -> ResetOrder:
    unknown = sorted(set(body) - _FIELDS)
    if unknown:
        raise Problem("invalid-reset", f"Send {', '.join(sorted(_FIELDS))} and nothing else.")
    confirmed = body.get("confirm_final", False)
    if not isinstance(confirmed, bool):
        raise Problem("invalid-reset", "confirm_final: send true or false.")
    try:
        return ResetOrder(
            device=device,
            request=request,
            reason=reason_of(_said(body, "reason")),
            incident_reference=reference_of(_said(body, "incident_reference")),
            seen_event_id=seen_event_of(_said(body, "seen_event_id")),
            key=key_of(key),
            confirmed=confirmed,
        )
    except InvalidReset as error:
        raise Problem("invalid-reset", f"{error.field}: {error}.") from error


def _said(body: dict[str, Any], field: str) -> str:
    value = body.get(field, "")
    if not isinstance(value, str):
        raise InvalidReset(field, "Send a text")
    return value
