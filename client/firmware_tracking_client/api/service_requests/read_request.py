import datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.completion_status import CompletionStatus
from ...models.problem_details import ProblemDetails
from ...models.processing_status import ProcessingStatus
from ...models.request_answer import RequestAnswer
from ...types import UNSET, Response, Unset


def _get_kwargs(
    service_request_id: str,
    *,
    status: list[ProcessingStatus] | Unset = UNSET,
    completion: list[CompletionStatus] | Unset = UNSET,
    reason: list[str] | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: None | str | Unset = UNSET,
    changed_since: None | str | Unset = UNSET,
    as_at: datetime.datetime | None | Unset = UNSET,
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

    params["limit"] = limit

    json_cursor: None | str | Unset
    if isinstance(cursor, Unset):
        json_cursor = UNSET
    else:
        json_cursor = cursor
    params["cursor"] = json_cursor

    json_changed_since: None | str | Unset
    if isinstance(changed_since, Unset):
        json_changed_since = UNSET
    else:
        json_changed_since = changed_since
    params["changed_since"] = json_changed_since

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
        "url": "/v1/service-requests/{service_request_id}".format(
            service_request_id=quote(str(service_request_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | ProblemDetails | RequestAnswer | None:
    if response.status_code == 200:
        response_200 = RequestAnswer.from_dict(response.json())

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
) -> Response[Any | ProblemDetails | RequestAnswer]:
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
    limit: int | Unset = 100,
    cursor: None | str | Unset = UNSET,
    changed_since: None | str | Unset = UNSET,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Response[Any | ProblemDetails | RequestAnswer]:
    """Read Request

     The devices of one Service Request, ordered by Device ID, with counts by completion.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.
        limit (int | Unset):  Default: 100.
        cursor (None | str | Unset): next_cursor of the page before.
        changed_since (None | str | Unset): changes_cursor of an earlier answer: only items that
            changed since, and perhaps some that did not. What is forgotten is not listed: it went at
            available_until.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ProblemDetails | RequestAnswer]
    """

    kwargs = _get_kwargs(
        service_request_id=service_request_id,
        status=status,
        completion=completion,
        reason=reason,
        limit=limit,
        cursor=cursor,
        changed_since=changed_since,
        as_at=as_at,
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
    limit: int | Unset = 100,
    cursor: None | str | Unset = UNSET,
    changed_since: None | str | Unset = UNSET,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Any | ProblemDetails | RequestAnswer | None:
    """Read Request

     The devices of one Service Request, ordered by Device ID, with counts by completion.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.
        limit (int | Unset):  Default: 100.
        cursor (None | str | Unset): next_cursor of the page before.
        changed_since (None | str | Unset): changes_cursor of an earlier answer: only items that
            changed since, and perhaps some that did not. What is forgotten is not listed: it went at
            available_until.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ProblemDetails | RequestAnswer
    """

    return sync_detailed(
        service_request_id=service_request_id,
        client=client,
        status=status,
        completion=completion,
        reason=reason,
        limit=limit,
        cursor=cursor,
        changed_since=changed_since,
        as_at=as_at,
    ).parsed


async def asyncio_detailed(
    service_request_id: str,
    *,
    client: AuthenticatedClient,
    status: list[ProcessingStatus] | Unset = UNSET,
    completion: list[CompletionStatus] | Unset = UNSET,
    reason: list[str] | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: None | str | Unset = UNSET,
    changed_since: None | str | Unset = UNSET,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Response[Any | ProblemDetails | RequestAnswer]:
    """Read Request

     The devices of one Service Request, ordered by Device ID, with counts by completion.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.
        limit (int | Unset):  Default: 100.
        cursor (None | str | Unset): next_cursor of the page before.
        changed_since (None | str | Unset): changes_cursor of an earlier answer: only items that
            changed since, and perhaps some that did not. What is forgotten is not listed: it went at
            available_until.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ProblemDetails | RequestAnswer]
    """

    kwargs = _get_kwargs(
        service_request_id=service_request_id,
        status=status,
        completion=completion,
        reason=reason,
        limit=limit,
        cursor=cursor,
        changed_since=changed_since,
        as_at=as_at,
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
    limit: int | Unset = 100,
    cursor: None | str | Unset = UNSET,
    changed_since: None | str | Unset = UNSET,
    as_at: datetime.datetime | None | Unset = UNSET,
) -> Any | ProblemDetails | RequestAnswer | None:
    """Read Request

     The devices of one Service Request, ordered by Device ID, with counts by completion.

    Args:
        service_request_id (str): One Service Request ID: originator:target:counter, for example
            90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000.
        status (list[ProcessingStatus] | Unset): Only items of this Processing Status; may be
            repeated.
        completion (list[CompletionStatus] | Unset): Only items of this Completion Status; may be
            repeated.
        reason (list[str] | Unset): Only items whose reason has this code, such as N61 or 8F89/3:
            reasons of an answer lists them; may be repeated.
        limit (int | Unset):  Default: 100.
        cursor (None | str | Unset): next_cursor of the page before.
        changed_since (None | str | Unset): changes_cursor of an earlier answer: only items that
            changed since, and perhaps some that did not. What is forgotten is not listed: it went at
            available_until.
        as_at (datetime.datetime | None | Unset): The answer as it was then: from what the broker
            had received by that time. as_at of the answer says whether it is whole.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ProblemDetails | RequestAnswer
    """

    return (
        await asyncio_detailed(
            service_request_id=service_request_id,
            client=client,
            status=status,
            completion=completion,
            reason=reason,
            limit=limit,
            cursor=cursor,
            changed_since=changed_since,
            as_at=as_at,
        )
    ).parsed
