import datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.item_answer import ItemAnswer
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    device_id: str,
    service_request_id: str,
    *,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_as_at: None | str | Unset
    if isinstance(as_at, Unset):
        json_as_at = UNSET
    elif isinstance(as_at, datetime.datetime):
        json_as_at = as_at.isoformat()
    else:
        json_as_at = as_at
    params["as_at"] = json_as_at

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/devices/{device_id}/service-requests/{service_request_id}".format(
            device_id=quote(str(device_id), safe=""),
            service_request_id=quote(str(service_request_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | ItemAnswer | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = ItemAnswer.from_dict(response.json())

        return response_200

    if response.status_code == 304:
        response_304 = cast(Any, None)
        return response_304

    if response.status_code == 400:
        response_400 = ProblemDetails.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemDetails.from_dict(response.json())

        return response_404

    if response.status_code == 422:
        response_422 = ProblemDetails.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ProblemDetails.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = ProblemDetails.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = ProblemDetails.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | ItemAnswer | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    device_id: str,
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Response[Any | ItemAnswer | ProblemDetails]:
    """Read Item

     One item with its timeline.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ItemAnswer | ProblemDetails]
    """

    kwargs = _get_kwargs(
        device_id=device_id,
        service_request_id=service_request_id,
        as_at=as_at,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    device_id: str,
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Any | ItemAnswer | ProblemDetails | None:
    """Read Item

     One item with its timeline.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ItemAnswer | ProblemDetails
    """

    return sync_detailed(
        device_id=device_id,
        service_request_id=service_request_id,
        client=client,
        as_at=as_at,
    ).parsed


async def asyncio_detailed(
    device_id: str,
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Response[Any | ItemAnswer | ProblemDetails]:
    """Read Item

     One item with its timeline.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ItemAnswer | ProblemDetails]
    """

    kwargs = _get_kwargs(
        device_id=device_id,
        service_request_id=service_request_id,
        as_at=as_at,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    device_id: str,
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Any | ItemAnswer | ProblemDetails | None:
    """Read Item

     One item with its timeline.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ItemAnswer | ProblemDetails
    """

    return (
        await asyncio_detailed(
            device_id=device_id,
            service_request_id=service_request_id,
            client=client,
            as_at=as_at,
        )
    ).parsed
