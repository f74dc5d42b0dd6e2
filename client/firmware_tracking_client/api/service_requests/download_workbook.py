from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.completion_status import CompletionStatus
from ...models.problem_details import ProblemDetails
from ...models.processing_status import ProcessingStatus
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    service_request_id: str,
    *,
    status: list[ProcessingStatus] | Unset = UNSET,
    completion: list[CompletionStatus] | Unset = UNSET,
    reason: list[str] | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_status: list[str] | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = []
        for status_item_data in status:
            status_item = status_item_data.value
            json_status.append(status_item)

    params["status"] = json_status

    json_completion: list[str] | Unset = UNSET
    if not isinstance(completion, Unset):
        json_completion = []
        for completion_item_data in completion:
            completion_item = completion_item_data.value
            json_completion.append(completion_item)

    params["completion"] = json_completion

    json_reason: list[str] | Unset = UNSET
    if not isinstance(reason, Unset):
        json_reason = reason

    params["reason"] = json_reason

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/service-requests/{service_request_id}.xlsx".format(
            service_request_id=quote(str(service_request_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> File | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = File(payload=BytesIO(response.content))

        return response_200

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
) -> Response[File | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    status: list[ProcessingStatus] | Unset = UNSET,
    completion: list[CompletionStatus] | Unset = UNSET,
    reason: list[str] | Unset = UNSET,
) -> Response[File | ProblemDetails]:
    """Download Workbook

     Every device of one Service Request as a workbook, ordered by Device ID.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | ProblemDetails]
    """

    kwargs = _get_kwargs(
        service_request_id=service_request_id,
        status=status,
        completion=completion,
        reason=reason,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    status: list[ProcessingStatus] | Unset = UNSET,
    completion: list[CompletionStatus] | Unset = UNSET,
    reason: list[str] | Unset = UNSET,
) -> File | ProblemDetails | None:
    """Download Workbook

     Every device of one Service Request as a workbook, ordered by Device ID.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | ProblemDetails
    """

    return sync_detailed(
        service_request_id=service_request_id,
        client=client,
        status=status,
        completion=completion,
        reason=reason,
    ).parsed


async def asyncio_detailed(
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    status: list[ProcessingStatus] | Unset = UNSET,
    completion: list[CompletionStatus] | Unset = UNSET,
    reason: list[str] | Unset = UNSET,
) -> Response[File | ProblemDetails]:
    """Download Workbook

     Every device of one Service Request as a workbook, ordered by Device ID.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | ProblemDetails]
    """

    kwargs = _get_kwargs(
        service_request_id=service_request_id,
        status=status,
        completion=completion,
        reason=reason,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    status: list[ProcessingStatus] | Unset = UNSET,
    completion: list[CompletionStatus] | Unset = UNSET,
    reason: list[str] | Unset = UNSET,
) -> File | ProblemDetails | None:
    """Download Workbook

     Every device of one Service Request as a workbook, ordered by Device ID.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | ProblemDetails
    """

    return (
        await asyncio_detailed(
            service_request_id=service_request_id,
            client=client,
            status=status,
            completion=completion,
            reason=reason,
        )
    ).parsed
