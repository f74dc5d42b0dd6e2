"""``/v1/devices``: the requests of one device, and one of them with its timeline."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from query_api.api import common
from query_api.api.common import Serving, SignedIn
from query_api.api.parameters import INSTANT, At, DevicePath, RequestPath
from query_api.queries import answers, rendering
from query_api.queries.criteria import check_parameters, missing, one
from schemas.identifiers import DeviceId, ServiceRequestId

_NONE: frozenset[str] = frozenset()


router = APIRouter(tags=["Devices"])


@router.get("/v1/devices", status_code=400, responses=common.errors(), response_class=Response)
@router.get("/v1/devices/", include_in_schema=False)
def no_device(_: SignedIn) -> Response:
    """Always refused: nothing is listed without a Device ID."""
    raise missing(DeviceId)


@router.get(
    "/v1/devices/{device_id}",
    response_model=answers.DeviceAnswer,
    responses={**common.errors(404, 422), **common.not_modified()},
)
def read_device(
    request: Request,
    services: Serving,
    caller: SignedIn,
    device_id: DevicePath,
    at: At,
) -> Response:
    """Every tracked request of one device, newest first."""
    check_parameters(request, INSTANT, _NONE)
    criterion = one(DeviceId, device_id)
    found = services.queries.device(caller, criterion, at=at)
    return common.answer(
        request, rendering.device(found), found.freshness, services.queries.searches_left(caller)
    )


@router.get(
    "/v1/devices/{device_id}/service-requests/{service_request_id}",
    response_model=answers.ItemAnswer,
    responses={**common.errors(404, 422), **common.not_modified()},
)
def read_item(
    request: Request,
    services: Serving,
    caller: SignedIn,
    device_id: DevicePath,
    service_request_id: RequestPath,
    at: At,
) -> Response:
    """One item with its timeline."""
    check_parameters(request, INSTANT, _NONE)
    device, named = one(DeviceId, device_id), one(ServiceRequestId, service_request_id)
    found = services.queries.item(caller, device, named, at=at)
    left = services.queries.searches_left(caller)
    return common.answer(request, rendering.item_with_timeline(found), found.freshness, left)
