"""``/v1/service-requests``: the devices of one request, page by page or as one CSV file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from query_api.api import common
from query_api.api.common import Serving, SignedIn
from query_api.api.downloads import Wanted, csv_answer, workbook_answer
from query_api.api.parameters import (
    FILTERS,
    INSTANT,
    PAGING,
    At,
    ChangedSince,
    Chosen,
    Cursor,
    RequestPath,
)
from query_api.queries import answers, rendering, workbook
from query_api.queries.changes import ForeignCursor, Seen, seen_in
from query_api.queries.criteria import check_parameters, missing, one
from query_api.queries.reads import PageQuery
from query_api.web.content_encoding import is_head_only
from query_api.web.problems import Problem
from schemas.identifiers import ServiceRequestId

DEFAULT_LIMIT = 100


def _file(description: str, media_type: str, **kind: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "description": description,
            "content": {media_type: {"schema": {"type": "string", **kind}}},
            "headers": common.FRESHNESS | common.RATE_LIMIT,
        }
    }


_CSV = _file(
    f"UTF-8, RFC 4180, CRLF, with a header line: {', '.join(rendering.CSV_COLUMNS)}.", "text/csv"
)
_WORKBOOK = _file(
    "An Office Open XML workbook of one sheet: identifiers as text, times as times in UTC.",
    workbook.MEDIA_TYPE,
    format="binary",
)

router = APIRouter(tags=["Service Requests"])


@dataclass(frozen=True, slots=True)
class Page:
    """Position and size of the page asked for."""

    size: int
    """Greatest number of items."""
    cursor: str | None
    """``next_cursor`` of the previous page."""
    since: Seen | None = None
    """``changes_cursor`` of an earlier answer."""


async def page_of(
    services: Serving,
    limit: Annotated[int | None, Query(ge=1, description="Most items of the page.")] = None,
    cursor: Cursor = None,
    changed_since: ChangedSince = None,
) -> Page:
    """A dependency: the page; a 422 problem if ``limit`` exceeds the setting."""
    since = None if changed_since is None else _seen(changed_since)
    if limit is None:
        return Page(min(DEFAULT_LIMIT, services.page_limit), cursor, since)
    if limit > services.page_limit:
        raise Problem(
            "invalid-parameter",
            f"limit: Input should be less than or equal to {services.page_limit}.",
        )
    return Page(limit, cursor, since)


def _seen(text: str) -> Seen:
    try:
        return seen_in(text)
    except ForeignCursor as error:
        raise _foreign(error) from error


def _foreign(error: ForeignCursor) -> Problem:
    return Problem("invalid-parameter", f"changed_since: {error}.")


@router.get(
    "/v1/service-requests", status_code=400, responses=common.errors(), response_class=Response
)
@router.get("/v1/service-requests/", include_in_schema=False)
def no_request(_: SignedIn) -> Response:
    """Always refused: nothing is listed without a Service Request ID."""
    raise missing(ServiceRequestId)


async def file_of(
    request: Request,
    services: Serving,
    caller: SignedIn,
    service_request_id: RequestPath,
    chosen: Chosen,
) -> Wanted:
    """A dependency: the items of the download."""
    check_parameters(request, frozenset(), FILTERS)
    criterion = one(ServiceRequestId, service_request_id)
    return Wanted(services.queries, caller, criterion, chosen, is_head_only(request.scope))


FileWanted = Annotated[Wanted, Depends(file_of)]


@router.get(
    "/v1/service-requests/{service_request_id}.csv",
    response_class=Response,
    responses={**common.errors(404, 422), **_CSV},
)
def download_request(wanted: FileWanted) -> Response:
    """Every device of one Service Request as CSV, streamed, ordered by Device ID."""
    return csv_answer(wanted)


@router.get(
    "/v1/service-requests/{service_request_id}.xlsx",
    response_class=Response,
    responses={**common.errors(404, 422), **_WORKBOOK},
)
def download_workbook(wanted: FileWanted) -> Response:
    """Every device of one Service Request as a workbook, ordered by Device ID."""
    return workbook_answer(wanted)


@router.get(
    "/v1/service-requests/{service_request_id}",
    response_model=answers.RequestAnswer,
    responses={**common.errors(404, 422), **common.not_modified()},
)
def read_request(
    request: Request,
    services: Serving,
    caller: SignedIn,
    service_request_id: RequestPath,
    chosen: Chosen,
    page: Annotated[Page, Depends(page_of)],
    at: At,
) -> Response:
    """The devices of one Service Request, ordered by Device ID, with counts by completion."""
    check_parameters(request, PAGING | INSTANT, FILTERS)
    if at is not None and page.since is not None:
        raise Problem("invalid-parameter", "changed_since: leave it out where as_at is given.")
    criterion, after = one(ServiceRequestId, service_request_id), common.place(page.cursor)
    query = PageQuery(criterion, replace(chosen, since=page.since), page.size, after)
    try:
        found = services.queries.request(caller, query, at=at)
    except ForeignCursor as error:
        raise _foreign(error) from error
    body = rendering.request(found, common.cursor(found.next_after))
    left = services.queries.searches_left(caller)
    return common.answer(request, body, found.freshness, left)
