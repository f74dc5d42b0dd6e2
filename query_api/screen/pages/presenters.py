"""Prepares answers for the templates: rows with addresses, counts with bars, stages.

All values come from the same views as JSON and CSV.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from projections.lifecycle import LIFECYCLE, Completion, Status
from projections.questions.as_at import Doubt
from projections.views import (
    AFTER_RESET,
    CLOCK_SKEW,
    LATE,
    SUPERSEDED,
    Evidence,
    ItemView,
    TimelineEntry,
)
from query_api.queries.reads import Filters, Freshness
from query_api.screen.pages.formats import feed_name
from query_api.screen.pages.statuses import STAGES
from query_api.screen.sealing import Seal
from schemas.identifiers import DeviceId, ServiceRequestId
from schemas.topics import TOPIC_SOURCES, Source

_SELDOM: Final = "ssmi"
"""Source that is never reported as silent: resets are rare."""
_LEAST_BAR: Final = 0.6
"""Per cent: the bar of one device among 50,000 is still visible."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The words for a mark of a timeline entry."""

    word: str
    explained: str


DOUBTS: Final = {
    Doubt.CAPPED: "So much was received that some of it was counted and not kept.",
    Doubt.FORGOTTEN: "Something of this device has ended since, and may have been there then.",
    Doubt.UNREAD: "Not everything that was received by then is shown yet.",
}
"""The words for each reason why a page about the past may be incomplete."""

MARKS: Final[dict[str, Mark]] = {
    LATE: Mark("late", "It came after a report of a later stage, and changed nothing."),
    SUPERSEDED: Mark("superseded", "A later report of the same stage took its place."),
    AFTER_RESET: Mark("after the reset", "The item was reset before; a reset is not undone."),
    CLOCK_SKEW: Mark(
        "clock wrong",
        "The source's clock cannot be right, so the time it was received counts instead.",
    ),
}


@dataclass(frozen=True, slots=True)
class SilentSource:
    """A silent source. ``at`` is its last received time, in milliseconds since 1970 UTC."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Row:
    """An item in a list."""

    item: ItemView
    address: str


@dataclass(frozen=True, slots=True)
class CompletionCount:
    """How many items have a Completion Status."""

    completion: Completion
    number: int
    percent: float
    share: str
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many items have a Processing Status."""

    status: Status
    number: int
    percent: float
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A timeline entry with its marks in words."""

    report: TimelineEntry
    marks: tuple[Mark, ...]
    detail: str | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the lifecycle with its reports."""

    number: int | None
    title: str
    state: str
    """``done``, ``now``, ``failed``, ``ahead`` or ``reset``."""
    state_word: str
    hint: str
    entries: list[Entry]


class Addresses:
    """Addresses of pages, with sealed identifiers."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def request(self, request: str) -> str:
        """Page of a request."""
        return f"/requests/{self._seal.request(ServiceRequestId(request))}"

    def device(self, device: str) -> str:
        """Page of a device."""
        return f"/devices/{self._seal.device(DeviceId(device))}"

    def item(self, device: str, request: str) -> str:
        """Page of an item."""
        return f"{self.device(device)}{self.request(request)}"

    def after(self, device: DeviceId) -> str:
        """Sealed text for a position in a list."""
        return self._seal.device(device)


def query(address: str, **parameters: str | int | list[str] | None) -> str:
    """``address`` with the parameters that are not empty."""
    said = {name: value for name, value in parameters.items() if value not in (None, "", [])}
    return f"{address}?{urlencode(said, doseq=True)}" if said else address


def silent_sources(fresh: Freshness, now: int, after_ms: int) -> list[SilentSource]:
    """Sources and CSP regions from which nothing was received for ``after_ms``."""
    return [
        SilentSource(feed_name(source), at)
        for source, at in fresh.sources.items()
        if source != _SELDOM and now - at > after_ms
    ]


def unreported_since(fresh: Freshness | None, now: int, after_ms: int) -> int | None:
    """Time of the last control record (milliseconds since 1970 UTC), if that is more than
    ``after_ms`` ago; else ``None``."""
    as_of = None if fresh is None else fresh.as_of
    return as_of if as_of is not None and now - as_of > after_ms else None


def completion_counts(
    counts: Mapping[Completion, int], filters: Filters, address: str
) -> list[CompletionCount]:
    """Every Completion Status with its share."""
    total = sum(counts.values())
    return [
        CompletionCount(
            word,
            number,
            _percent(number, total),
            _share(number, total),
            query(address, completion=str(word)),
            filters.completions == {word},
        )
        for word, number in counts.items()
    ]


def status_counts(
    statuses: Mapping[Status, int], filters: Filters, address: str
) -> list[StatusCount]:
    """The statuses that occur, in the order of the lifecycle; the most frequent has a full bar."""
    most = max(statuses.values(), default=0)
    return [
        StatusCount(
            row.status,
            statuses[row.status],
            _percent(statuses[row.status], most),
            query(address, status=row.label),
            filters.statuses == {row.status},
        )
        for row in LIFECYCLE
        if statuses.get(row.status)
    ]


def filter_words(filters: Filters) -> str:
    """The words for a filter, such as ``Failed`` or ``Failed and Rejected by DSP``."""
    parts = [
        " or ".join(sorted(map(str, filters.completions))),
        " or ".join(status.label for status in sorted(filters.statuses)),
    ]
    return " and ".join(part for part in parts if part)


def entries(found: Iterable[TimelineEntry], current: Evidence | None = None) -> list[Entry]:
    """Timeline entries for the template, in the given order."""
    return [
        Entry(
            each,
            tuple(MARKS[mark] for mark in each.marks),
            _detail(each),
            each.evidence == current,
        )
        for each in found
    ]


def stages(item: ItemView) -> list[Stage]:
    """The five stages with their entries; a reset comes after them."""
    by_stage: dict[int | None, list[Entry]] = {}
    for entry in entries(item.timeline, item.evidence):
        by_stage.setdefault(_stage_of(entry.report), []).append(entry)
    reached = _reached(item, by_stage)
    found = [
        _stage(number, title, hint, item, reached, by_stage.get(number, []))
        for number, title, hint in STAGES
    ]
    if item.status is Status.RESET_BY_DCC:
        found.append(
            Stage(None, "Reset by DCC", "reset", "Tracking ended", "", by_stage.get(None, []))
        )
    return found


def _stage(
    number: int, title: str, hint: str, item: ItemView, reached: int, found: list[Entry]
) -> Stage:
    state = _state(number, item, reached)
    words = {
        "done": "" if found else "Not reported, and passed",
        "now": "In progress" if item.completion is Completion.IN_PROGRESS else "Ended here",
        "failed": "Failed",
        "ahead": "Not reached",
    }
    return Stage(number, title, state, words[state], hint, found)


def _state(number: int, item: ItemView, reached: int) -> str:
    """State of a stage. A success of one stage begins the next, which then is ``now``."""
    if item.status is Status.RESET_BY_DCC:
        return "done" if number <= reached else "ahead"
    if item.completion is Completion.FAILED and number == reached:
        return "failed"
    if number <= reached:
        return "done"
    return "now" if item.completion is Completion.IN_PROGRESS and number == reached + 1 else "ahead"


def _reached(item: ItemView, by_stage: Mapping[int | None, list[Entry]]) -> int:
    """The furthest stage reached: that of the status or, after a reset, the furthest reported. A
    report without a status counts for none."""
    stage = item.status.row.stage
    if stage is not None:
        return stage
    said = (entry.report.status for found in by_stage.values() for entry in found)
    return max((status.row.stage or 0 for status in said if status is not None), default=0)


def _stage_of(report: TimelineEntry) -> int | None:
    """Stage of a report; without a status it is the last stage of its source."""
    if report.status is not None:
        return report.status.row.stage
    last = {Source.DSP: 1, Source.CSP: 3, Source.COMMS_HUB: 5}
    return last.get(TOPIC_SOURCES[report.evidence.topic])


def _detail(entry: TimelineEntry) -> str | None:
    """The source's own words, unless the reason quotes them."""
    return None if entry.detail and entry.detail in entry.reason.text else entry.detail


def _percent(number: int, of: int) -> float:
    if not number:
        return 0
    return max(_LEAST_BAR, round(100 * number / of, 2))


def _share(number: int, total: int) -> str:
    percent = 100 * number / total if total else 0
    if number and percent < 1:
        return "below 1%"
    if number != total and percent > 99:
        return "above 99%"
    return f"{percent:.0f}%"
