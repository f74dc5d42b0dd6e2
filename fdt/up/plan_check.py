"""Checks over HTTP, as a user would, whether the read side shows every item as the plan says.

The plan is the oracle: the end of each item was written down with its journey, and no rule of the
tracker computed it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from json import JSONDecodeError
from typing import Any, Final, TypeVar

import httpx

from firmware_tracking_client import AuthenticatedClient
from firmware_tracking_client.api.devices import read_device, read_item
from firmware_tracking_client.api.service_requests import read_request
from firmware_tracking_client.errors import UnexpectedStatus
from firmware_tracking_client.models.device_answer import DeviceAnswer
from firmware_tracking_client.models.item import Item
from firmware_tracking_client.models.item_answer import ItemAnswer
from firmware_tracking_client.models.request_answer import RequestAnswer
from firmware_tracking_client.types import Response
from projections.events import RESET_CODE
from sources.planning.oracle import Expected
from sources.planning.plan import Plan
from sources.wire import rfc3339

TIMELINES: Final = 20_000
"""Most timelines compared in one check: each is one request."""

_NOTHING: Final = "nothing"

T = TypeVar("T")


class ReadSideAway(ConnectionError):
    """The read side did not answer, or is not ready; the message says which."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One thing that is not shown as the plan says."""

    request_id: str
    device_id: str
    what: str
    expected: str
    shown: str


def differences(
    client: AuthenticatedClient, plan: Plan, base_ms: int, *, timelines: int = TIMELINES
) -> list[Difference]:
    """What the read side shows otherwise than the plan; the timelines once all else is equal.

    ``client`` has the read side's address and a service-centre token; ``base_ms`` is the wall-clock
    time of the plan's virtual zero. Raises :class:`ReadSideAway`.
    """
    try:
        return _lists(client, plan, base_ms) or _details(client, plan, base_ms, timelines)
    except httpx.TransportError as error:
        raise ReadSideAway(f"The read side does not answer ({error}).") from error
    except (UnexpectedStatus, JSONDecodeError) as error:
        raise ReadSideAway(f"Something before the read side answers: {error}") from error


def _lists(client: AuthenticatedClient, plan: Plan, base_ms: int) -> list[Difference]:
    """Every item of every request, by all pages of the list."""
    expected: dict[str, dict[str, Expected]] = defaultdict(dict)
    for (request_id, device_id), end in plan.expected.items():
        expected[request_id][device_id] = end
    named = {request.request_id for request in plan.requests} | {key[0] for key in plan.hidden}
    found: list[Difference] = []
    for request_id in sorted(named | expected.keys()):
        shown = {item.device_id: item for item in _items(client, request_id)}
        found += _presence(request_id, expected[request_id], shown)
        for device_id in sorted(expected[request_id].keys() & shown.keys()):
            end, item = expected[request_id][device_id], shown[device_id]
            found += _compared(request_id, device_id, _told(end, base_ms), item_facts(item))
    return found


def _presence(
    request_id: str, expected: Mapping[str, Expected], shown: Mapping[str, Item]
) -> Iterator[Difference]:
    for device_id in sorted(expected.keys() - shown.keys()):
        yield Difference(request_id, device_id, "item", expected[device_id].status, _NOTHING)
    for device_id in sorted(shown.keys() - expected.keys()):
        yield Difference(request_id, device_id, "item", _NOTHING, shown[device_id].status)


def _details(
    client: AuthenticatedClient, plan: Plan, base_ms: int, timelines: int
) -> list[Difference]:
    """Timelines of items, and the reports that must still be waiting for a request."""
    found: list[Difference] = []
    for (request_id, device_id), end in list(plan.expected.items())[:timelines]:
        item = _answer(read_item.sync_detailed(device_id, request_id, client=client), ItemAnswer)
        if item is None:
            found.append(Difference(request_id, device_id, "item", end.status, _NOTHING))
            continue
        expected = {"timeline": _timeline(end.timeline)}
        shown = {"timeline": _timeline(_entries(item))}
        if end.updated_at_ms is None:
            expected["updated_at"] = _evidence_received(item)
            shown["updated_at"] = _time(item.updated_at)
        found += _compared(request_id, device_id, expected, shown)
    return found + list(_unmatched(client, plan))


def _unmatched(client: AuthenticatedClient, plan: Plan) -> Iterator[Difference]:
    for device_id, waiting in plan.unmatched.items():
        device = _answer(read_device.sync_detailed(device_id, client=client), DeviceAnswer)
        shown = {entry.evidence.event_id for entry in device.unmatched} if device else set()
        if shown != waiting:
            yield Difference(
                "", device_id, "unmatched", ", ".join(sorted(waiting)), ", ".join(sorted(shown))
            )


# --- facts in words that can be compared and read ---


def _told(end: Expected, base_ms: int) -> dict[str, str]:
    """What the list must show of an item; a wrong clock's time is only known from the timeline."""
    facts = {
        "status": end.status,
        "completion": end.completion,
        "evidence": end.evidence_event_id,
        "firmware_version": end.firmware_version,
        "device_type": end.device_type,
        "code": _code(end),
    }
    if end.updated_at_ms is not None:
        facts["updated_at"] = rfc3339(base_ms + end.updated_at_ms)
    return facts


def item_facts(item: Item) -> dict[str, str]:
    """The same facts of an item of the list."""
    return {
        "status": item.status,
        "completion": item.completion,
        "evidence": item.evidence.event_id,
        "firmware_version": item.firmware_version,
        "device_type": item.device_type,
        "code": item.reason.code if item.reason else "",
        "updated_at": _time(item.updated_at),
    }


def _compared(
    request_id: str, device_id: str, expected: Mapping[str, str], shown: Mapping[str, str]
) -> Iterator[Difference]:
    for what, value in expected.items():
        if shown[what] != value:
            yield Difference(request_id, device_id, what, value, shown[what])


def _code(end: Expected) -> str:
    if end.code is None:
        return RESET_CODE
    code = end.code.upper()
    return code if end.result_code is None else f"{code}/{end.result_code}"


def _entries(item: ItemAnswer) -> list[tuple[str, list[str]]]:
    """Every entry as it is listed: one that stands there twice is a difference."""
    return [(entry.evidence.event_id, list(entry.marks)) for entry in item.timeline]


def _timeline(entries: Iterable[tuple[str, Iterable[str]]]) -> str:
    return "; ".join(sorted(" ".join([event_id, *sorted(marks)]) for event_id, marks in entries))


def _evidence_received(item: ItemAnswer) -> str:
    """When the broker received the item's evidence."""
    received = [e.received_at for e in item.timeline if e.evidence == item.evidence]
    return _time(received[0]) if received else "the evidence is not in the timeline"


def _time(value: datetime) -> str:
    """As the plan's times are written."""
    return rfc3339(round(value.timestamp() * 1000))


# --- asking ---


def _items(client: AuthenticatedClient, request_id: str) -> Iterator[Item]:
    """Every item of a request, page after page; none where the request is not known."""
    cursor: str | None = None
    while True:
        asked = read_request.sync_detailed(request_id, client=client, cursor=cursor)
        page = _answer(asked, RequestAnswer)
        if page is None:
            return
        yield from page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def _answer(response: Response[Any], kind: type[T]) -> T | None:
    """What was asked for, or None for 404.

    Raises :class:`ReadSideAway` while the read side is not ready, ``RuntimeError`` for any other
    refusal.
    """
    if response.status_code == HTTPStatus.NOT_FOUND:
        return None
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        raise ReadSideAway("The read side is not ready.")
    if not isinstance(response.parsed, kind):
        raise RuntimeError(f"The read side answered {response.status_code}: {response.content!r}")
    return response.parsed
