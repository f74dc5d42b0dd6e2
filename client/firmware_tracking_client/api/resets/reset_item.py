from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_details import ProblemDetails
from ...models.reset_answer import ResetAnswer
from ...models.reset_order import ResetOrder
from ...types import Response, Unset


def _get_kwargs(
    device_id: str,
    service_request_id: str,
    *,
    body: ResetOrder,
    idempotency_key: str | Unset = "",
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/devices/{device_id}/service-requests/{service_request_id}/reset".format(
            device_id=quote(str(device_id), safe=""),
            service_request_id=quote(str(service_request_id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | ResetAnswer | None:
    if response.status_code == 201:
        response_201 = ResetAnswer.from_dict(response.json())

        return response_201

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

    if response.status_code == 408:
        response_408 = ProblemDetails.from_dict(response.json())

        return response_408

    if response.status_code == 409:
        response_409 = ProblemDetails.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = ProblemDetails.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = ProblemDetails.from_dict(response.json())

        return response_415

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
) -> Response[ProblemDetails | ResetAnswer]:
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
    body: ResetOrder,
    idempotency_key: str | Unset = "",
) -> Response[ProblemDetails | ResetAnswer]:
    """Reset Item

     Reset one item (Service Centre only); answered once the event is durable.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        idempotency_key (str | Unset): One for each decision, such as a UUID: the same again
            changes nothing. Default: ''.
        body (ResetOrder): What the Service Centre says to reset an item.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | ResetAnswer]
    """

    kwargs = _get_kwargs(
        device_id=device_id,
        service_request_id=service_request_id,
        body=body,
        idempotency_key=idempotency_key,
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
    body: ResetOrder,
    idempotency_key: str | Unset = "",
) -> ProblemDetails | ResetAnswer | None:
    """Reset Item

     Reset one item (Service Centre only); answered once the event is durable.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        idempotency_key (str | Unset): One for each decision, such as a UUID: the same again
            changes nothing. Default: ''.
        body (ResetOrder): What the Service Centre says to reset an item.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | ResetAnswer
    """

    return sync_detailed(
        device_id=device_id,
        service_request_id=service_request_id,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    device_id: str,
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    body: ResetOrder,
    idempotency_key: str | Unset = "",
) -> Response[ProblemDetails | ResetAnswer]:
    """Reset Item

     Reset one item (Service Centre only); answered once the event is durable.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        idempotency_key (str | Unset): One for each decision, such as a UUID: the same again
            changes nothing. Default: ''.
        body (ResetOrder): What the Service Centre says to reset an item.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | ResetAnswer]
    """

    kwargs = _get_kwargs(
        device_id=device_id,
        service_request_id=service_request_id,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    device_id: str,
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    body: ResetOrder,
    idempotency_key: str | Unset = "",
) -> ProblemDetails | ResetAnswer | None:
    """Reset Item

     Reset one item (Service Centre only); answered once the event is durable.

    Args:
        device_id (str): One Device ID (EUI-64): eight pairs of hexadecimal digits joined by '-',
            for example 00-DB-12-34-56-78-90-A0.
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        idempotency_key (str | Unset): One for each decision, such as a UUID: the same again
            changes nothing. Default: ''.
        body (ResetOrder): What the Service Centre says to reset an item.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | ResetAnswer
    """

    return (
        await asyncio_detailed(
            device_id=device_id,
            service_request_id=service_request_id,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
