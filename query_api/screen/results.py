"""The pages of results: the devices of a request, the requests of a device, one item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from projections.lifecycle import STATUS_BY_LABEL, Completion, Status
from projections.views import ItemView
from query_api.api.downloads import Wanted, csv_answer, workbook_answer
from query_api.api.parameters import filters
from query_api.identity.access import may_reset
from query_api.identity.sessions import Session
from query_api.queries.instants import NotYet
from query_api.queries.reads import Filters, ItemAnswer, NothingHeld, PageQuery, RequestPage
from query_api.screen.context import Screen
from query_api.screen.errors import is_refresh
from query_api.screen.pages import presenters
from query_api.screen.pages.formats import moment
from query_api.screen.pages.presenters import Row, query
from query_api.screen.sealed import DeviceToken, RequestToken, device_of, request_of
from query_api.screen.session import CurrentSession, Showing
from query_api.web.content_encoding import is_head_only
from query_api.web.problems import Problem
from schemas.identifiers import DeviceId, ServiceRequestId

OFF = "off"
_SHOWN = "shown"
NOTICES = {
    "reset": "The status is now Reset by DCC. The Update Firmware request can be sent again for "
    "this device.",
    "reset-soon": "The reset is recorded. The status will show it in a moment.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a page in the list of a request."""

    after: str | None
    shown_from: int
    refresh: str

    def parameters(self) -> dict[str, Any]:
        """The position as query parameters."""
        return {} if self.after is None else {"after": self.after, "from": self.shown_from}


router = APIRouter(include_in_schema=False)
From = Annotated[int, Query(alias="from", ge=1, le=1_000_000)]
After = Annotated[str | None, Query(max_length=200)]
Refresh = Annotated[str, Query(max_length=10)]


async def chosen_filters(
    status: Annotated[list[str], Query()] = [],  # noqa: B006
    completion: Annotated[list[str], Query()] = [],  # noqa: B006
) -> Filters:
    """A dependency: the filters in the query; the form sends an empty text for *All*."""
    labels, words = [text for text in status if text], [text for text in completion if text]
    for name, given, known in (
        ("status", labels, set(STATUS_BY_LABEL)),
        ("completion", words, set(map(str, Completion))),
    ):
        if not set(given) <= known:
            raise Problem(
                "invalid-parameter",
                f"{name}: there is no such filter; choose one on the page of the request.",
            )
    return filters(labels, words)


Chosen = Annotated[Filters, Depends(chosen_filters)]


@router.get("/requests/{request_token}")
def request_page(
    request: Request,
    screen: Showing,
    session: CurrentSession,
    request_token: RequestToken,
    chosen: Chosen,
    after: After = None,
    shown_from: From = 1,
    refresh: Refresh = "",
) -> Response:
    """The devices of one request."""
    named = request_of(screen.seal, request_token)
    place = Place(after, shown_from, refresh)
    behind = None if after is None else device_of(screen.seal, after)
    page = screen.queries.request(
        session.caller,
        PageQuery(named, chosen, screen.page_size, behind),
        again=_again(session, request, named),
    )
    return screen.page(
        request,
        "request.html",
        session,
        fresh=page.freshness,
        **_request_context(screen, named, chosen, page, place, session.proof(named)),
    )


async def file_of(
    request: Request,
    screen: Showing,
    session: CurrentSession,
    request_token: RequestToken,
    chosen: Chosen,
) -> Wanted:
    """A dependency: all items that the filters select."""
    named = request_of(screen.seal, request_token)
    return Wanted(screen.queries, session.caller, named, chosen, is_head_only(request.scope))


FileWanted = Annotated[Wanted, Depends(file_of)]


@router.get("/requests/{request_token}/download")
def download(wanted: FileWanted) -> Response:
    """All items that the filters select, as CSV."""
    return csv_answer(wanted)


@router.get("/requests/{request_token}/spreadsheet")
def download_workbook(wanted: FileWanted) -> Response:
    """All items that the filters select, as a workbook."""
    return workbook_answer(wanted)


@router.get("/devices/{device_token}")
def device_page(
    request: Request,
    screen: Showing,
    session: CurrentSession,
    device_token: DeviceToken,
    refresh: Refresh = "",
) -> Response:
    """The requests of one device."""
    device = device_of(screen.seal, device_token)
    again = _again(session, request, device)
    answer = screen.queries.device(session.caller, device, again=again)
    return screen.page(
        request,
        "device.html",
        session,
        fresh=answer.freshness,
        device_id=device,
        rows=_rows(screen, answer.items),
        unmatched=presenters.entries(answer.unmatched),
        **_refreshing(request.url.path, {}, _moves(answer.items), refresh, session.proof(device)),
    )


@router.get("/devices/{device_token}/requests/{request_token}")
def item_page(
    request: Request,
    screen: Showing,
    session: CurrentSession,
    device_token: DeviceToken,
    request_token: RequestToken,
    refresh: Refresh = "",
    done: Annotated[str, Query(max_length=20)] = "",
    at: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One item with its timeline, now or as at an instant."""
    device, named = device_of(screen.seal, device_token), request_of(screen.seal, request_token)
    instant, mistake = _instant(at)
    again = instant is None and _again(session, request, f"{device} {named}")
    try:
        answer = screen.queries.item(session.caller, device, named, again=again, at=instant)
    except NotYet:
        instant, mistake = None, "Enter a time that has come"
        answer = screen.queries.item(session.caller, device, named)
    except NothingHeld:
        if instant is None:
            raise
        screen.queries.item(session.caller, device, named)  # NothingHeld if it is not there now
        return _nothing_then(request, screen, session, (device, named), instant)
    return screen.page(
        request,
        "item.html",
        session,
        status=400 if mistake else 200,
        fresh=answer.freshness,
        at=at,
        mistake=mistake,
        **_item_context(screen, session, answer, done),
        **_item_refreshing(
            screen,
            answer,
            {"done": done, "at": at if instant else ""},
            refresh,
            session.proof(f"{device} {named}"),
        ),
    )


def _item_context(
    screen: Screen, session: Session, answer: ItemAnswer, done: str
) -> dict[str, Any]:
    """Template variables of the page of an item."""
    item, addresses, instant = answer.item, screen.addresses, answer.instant
    here = addresses.item(item.device_id, item.service_request_id)
    can_reset = may_reset(session.caller) and item.status is not Status.RESET_BY_DCC
    return {
        "item": item,
        "stage_rows": presenters.stages(item),
        "not_kept": item.not_kept,
        "notice": NOTICES.get(_shown_yet(item, done)),
        "reset_address": f"{here}/reset" if can_reset and instant is None else None,
        "device_address": addresses.device(item.device_id),
        "request_address": addresses.request(item.service_request_id),
        "item_address": here,
        "instant": instant,
        "doubts": [presenters.DOUBTS[doubt] for doubt in instant.doubts] if instant else [],
    }


def _item_refreshing(
    screen: Screen, answer: ItemAnswer, parameters: dict[str, str], refresh: str, proof: str
) -> dict[str, Any]:
    """Template variables of the refresh; a page about the past does not refresh."""
    item = answer.item
    here = screen.addresses.item(item.device_id, item.service_request_id)
    moves = answer.instant is None and (_soon(item, parameters["done"]) or _moves([item]))
    given = {name: value for name, value in parameters.items() if value}
    return _refreshing(here, given, moves, refresh, proof)


def _soon(item: ItemView, done: str) -> bool:
    """Whether a reset was recorded that this read side does not show yet."""
    return done in NOTICES and item.status is not Status.RESET_BY_DCC


def _shown_yet(item: ItemView, done: str) -> str:
    """Name of the notice about a recorded reset: whether the item shows it yet."""
    if done not in NOTICES:
        return ""
    return "reset-soon" if _soon(item, done) else "reset"


def _instant(text: str) -> tuple[int | None, str | None]:
    """The time that was entered, in milliseconds since 1970 UTC; or the error."""
    if not text.strip():
        return None, None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None, "Enter a date and time in UTC, such as 2026-11-24 10:30"
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000), None


def _nothing_then(
    request: Request,
    screen: Screen,
    session: Session,
    what: tuple[DeviceId, ServiceRequestId],
    instant: int,
) -> Response:
    """The page of an item that exists now and did not at the instant."""
    return screen.page(
        request,
        "message.html",
        session,
        heading="Nothing was known then",
        lines=[f"Nothing had been received about this update by {moment(instant)}."],
        links=[{"href": screen.addresses.item(*what), "text": "Show it as it is now"}],
    )


def _again(session: Session, request: Request, what: str) -> bool:
    """Whether the request refreshes an open page of this session, by the proof that it sends."""
    return is_refresh(request) and session.has_shown(what, request.query_params.get(_SHOWN, ""))


def _moves(items: Iterable[ItemView]) -> bool:
    """Whether any item may still change without a user's action."""
    return any(item.completion is Completion.IN_PROGRESS for item in items)


def _rows(screen: Screen, items: Iterable[ItemView]) -> list[Row]:
    addresses = screen.addresses
    return [Row(item, addresses.item(item.device_id, item.service_request_id)) for item in items]


def _request_context(
    screen: Screen,
    request: ServiceRequestId,
    chosen: Filters,
    page: RequestPage,
    place: Place,
    proof: str,
) -> dict[str, Any]:
    """Template variables of the page of a request."""
    plain = screen.addresses.request(request)
    parameters = _parameters(chosen)
    wanted = sum(page.statuses.get(Status(number), 0) for number in chosen.wanted())
    following = place.shown_from + len(page.items)
    return {
        "request_id": request,
        "total": sum(page.counts.values()),
        "wanted": wanted,
        "filtered": bool(parameters),
        "filter_words": presenters.filter_words(chosen),
        "chosen_completions": chosen.completions,
        "chosen_statuses": chosen.statuses,
        "completion_counts": presenters.completion_counts(page.counts, chosen, plain),
        "status_counts": presenters.status_counts(page.statuses, chosen, plain),
        "rows": _rows(screen, page.items),
        "shown_from": place.shown_from,
        "page_size": screen.page_size,
        "plain_address": plain,
        "everything_address": plain,
        "download_address": query(f"{plain}/download", **parameters),
        "workbook_address": query(f"{plain}/spreadsheet", **parameters),
        "first_address": query(plain, **parameters),
        "next_address": None
        if page.next_after is None
        else query(
            plain,
            **parameters,
            **Place(screen.addresses.after(page.next_after), following, "").parameters(),
        ),
        **_refreshing(
            plain,
            {**parameters, **place.parameters()},
            page.counts[Completion.IN_PROGRESS] > 0,
            place.refresh,
            proof,
        ),
    }


def _parameters(chosen: Filters) -> dict[str, Any]:
    found = {
        "status": sorted(status.label for status in chosen.statuses),
        "completion": sorted(map(str, chosen.completions)),
    }
    return {name: value for name, value in found.items() if value}


def _refreshing(
    address: str, parameters: dict[str, Any], moves: bool, refresh: str, proof: str
) -> dict[str, Any]:
    """Template variables of the refresh: the address, whether it is on, and ``proof`` of what the
    page shows."""
    paused = refresh == OFF
    here = query(address, **parameters)
    switch = here if paused else query(address, **parameters, refresh=OFF)
    return {
        "here_address": query(address, **parameters, refresh=OFF) if paused else here,
        "refresh": moves and not paused,
        "live_address": query(address, **parameters, **{_SHOWN: proof}),
        "pause_address": switch if moves else None,
    }
