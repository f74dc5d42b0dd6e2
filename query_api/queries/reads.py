"""The queries: each answers from one snapshot of the view, with the caller's rights applied.

:mod:`query_api.queries.query_service` calls them; JSON, CSV and pages are renderings of what they
return. An item is neither listed nor counted once the broker's time reaches its
``available_until``, whether or not its tombstone has been read (I8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from projections.catalogue import Catalogue
from projections.lifecycle import Completion, Status
from projections.questions.as_at import Doubt
from projections.rows import decode_row, native_code
from projections.state import Row
from projections.views import DeviceView, ItemView, TimelineEntry, device_view
from query_api.identity.access import Caller, may_see, may_see_unmatched
from query_api.queries.changes import Seen, seen_of
from query_api.view.layout import (
    PartitionMark,
    RequestCounts,
    counts_key,
    decode_entry,
    decode_held,
    decode_request_counts,
    device_key,
    entry_changed,
    entry_head,
    request_prefix,
)
from query_api.view.listing import list_item
from query_api.view.progress import Progress
from query_api.view.status_view import View, marks
from schemas.identifiers import DeviceId, ServiceRequestId
from storage.store import Reading

UNMATCHED_SHOWN: Final = 200
"""Greatest number of reports without a request in one answer, the newest ones."""


class NothingHeld(LookupError):
    """Nothing to show: unknown, expired or another supplier's. The answer does not reveal which."""


class NotReady(RuntimeError):
    """The view has not caught up since the start; ``remaining`` offsets are unread, if known."""

    def __init__(self, remaining: int | None) -> None:
        super().__init__("the view has not caught up since the start")
        self.remaining = remaining


PROCESSOR_SILENT_AFTER_MS: Final = 180_000
"""Default: three times the interval at which an idle processor writes a control record."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Freshness of an answer. Times are milliseconds since 1970 UTC."""

    lag_events: int | None
    """Offsets not applied yet; ``None`` while the broker does not answer."""
    as_of: int | None
    """Time of the newest control record, the least of all partitions; ``None`` until each has
    one."""
    sources: dict[str, int]
    """Source -> last received time."""
    waiting_events: int | None = None
    """Upper bound of the events that the processor has not folded; ``None`` if unknown."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Filter of a request's items; an empty set selects all."""

    statuses: frozenset[Status] = frozenset()
    completions: frozenset[Completion] = frozenset()
    reasons: frozenset[str] = frozenset()
    """Native codes of the evidence, with the result code."""
    since: Seen | None = None
    """Selects items that may have changed since; ``None`` selects all."""

    def wanted(self) -> frozenset[int]:
        """Numbers of the statuses that pass the filters of status and completion."""
        return frozenset(
            int(status)
            for status in Status
            if (not self.statuses or status in self.statuses)
            and (not self.completions or status.completion in self.completions)
        )


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A query for a page of a request: up to ``limit`` items after the device ``after``."""

    request: ServiceRequestId
    filters: Filters
    limit: int
    after: DeviceId | None


@dataclass(frozen=True, slots=True)
class Instant:
    """The instant of an answer about the past."""

    at: int
    """Milliseconds since 1970 UTC, by the broker's clock."""
    doubts: tuple[Doubt, ...]
    """Why the answer may be incomplete; empty if it is complete."""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One page of a request, in the order of Device IDs."""

    items: list[ItemView]
    next_after: DeviceId | None
    """The device after which the next page begins; ``None`` on the last page."""
    counts: dict[Completion, int]
    """Of the whole request, before filters and paging."""
    statuses: dict[Status, int]
    """The same by Processing Status, without zeros."""
    reasons: dict[str, int]
    """The same by native code with result code, the most frequent first."""
    seen: Seen
    """Changes cursor that holds once the caller has all pages from this one on."""
    freshness: Freshness
    instant: Instant | None = None


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """What the caller may see of one device."""

    items: tuple[ItemView, ...]
    """Newest first."""
    unmatched: tuple[TimelineEntry, ...]
    not_kept: int
    freshness: Freshness
    instant: Instant | None = None


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """One item with its timeline."""

    item: ItemView
    freshness: Freshness
    instant: Instant | None = None


class Snapshot:
    """One snapshot of the view, from which one answer is read, with the broker's time."""

    def __init__(
        self,
        reading: Reading,
        progress: Progress,
        lag: int | None,
        broker_now: int,
        catalogue: Catalogue,
        retention_ms: int,
    ) -> None:
        self.reading = reading
        self.catalogue = catalogue
        self.retention_ms = retention_ms
        held = marks(reading)
        self.freshness = _freshness(lag, held, progress)
        self.now = max(broker_now, *(mark.seen_at or 0 for mark in held.values()), 0)
        """The broker's present time: that of the newest applied record, plus the time since."""
        self.folded_until = min([mark.partition_time or 0 for mark in held.values()], default=0)
        """All events received before this time are folded in this snapshot."""

    def page(self, caller: Caller, query: PageQuery) -> RequestPage:
        """A page of a request; :class:`NothingHeld`."""
        self._require(caller, query.request)
        found = self._items(query.request, query.filters, query.after)
        items = [item for _, item in zip(range(query.limit), found, strict=False)]
        more = len(items) == query.limit and next(found, None) is not None
        counts, seen = self._counts(query.request), seen_of(self.reading)
        since = query.filters.since
        return RequestPage(
            items,
            DeviceId(items[-1].device_id) if more else None,
            by_completion(counts.statuses),
            by_status(counts.statuses),
            most_frequent_first(counts.reasons),
            seen if since is None else since.and_then(seen),
            self.freshness,
        )

    def items(
        self, caller: Caller, request: ServiceRequestId, filters: Filters
    ) -> Iterator[ItemView]:
        """All selected items of a request, read one by one; raises :class:`NothingHeld` before the
        first."""
        self._require(caller, request)
        return self._items(request, filters, None)

    def count(self, request: ServiceRequestId, filters: Filters) -> int:
        """How many items of a request are selected; filters by native code read every item."""
        if filters.reasons:
            return sum(1 for _ in self._items(request, filters, None))
        counts = self._counts(request).statuses
        return sum(counts.get(number, 0) for number in filters.wanted())

    def device(self, caller: Caller, device: DeviceId) -> DeviceAnswer:
        """What the caller may see of a device; :class:`NothingHeld`."""
        view = self._view(caller, device)
        items = tuple(item for item in view.items if self._shows(caller, item))
        held = [entry for entry in view.unmatched if self._is_held(entry.received_at)]
        waiting, not_kept = unmatched_shown(caller, view, held)
        if not items and not waiting:
            raise NothingHeld
        return DeviceAnswer(items, waiting, not_kept, self.freshness)

    def item(self, caller: Caller, device: DeviceId, request: ServiceRequestId) -> ItemAnswer:
        """One item of a device; :class:`NothingHeld`."""
        for item in self._view(caller, device).items:
            if item.service_request_id == request and self._shows(caller, item):
                return ItemAnswer(item, self.freshness)
        raise NothingHeld

    def devices_of(self, request: ServiceRequestId, after: DeviceId | None) -> Iterator[str]:
        """The devices after ``after`` that have an item in the request now, in order."""
        return (device for device, _, _ in self._held_entries(request, after))

    def row(self, caller: Caller, device: str) -> Row | None:
        """The row of a device; ``None`` if the caller may see nothing of it.

        Rights are checked before the row is decoded: another supplier's device then takes no longer
        than an unknown one.
        """
        stored = self.reading.get(device_key(device))
        if stored is None:
            return None
        held = decode_held(stored)
        if not caller.sees_everything and not any(may_see(caller, r) for r, _, _ in held.indexed):
            return None
        return decode_row(held.state)

    def _require(self, caller: Caller, request: ServiceRequestId) -> None:
        """:class:`NothingHeld` if the caller may see no item of the request, before any filter."""
        if not may_see(caller, request) or next(self._held_entries(request), None) is None:
            raise NothingHeld

    def _items(
        self, request: ServiceRequestId, filters: Filters, after: DeviceId | None
    ) -> Iterator[ItemView]:
        wanted = filters.wanted()
        for device, status, value in self._held_entries(request, after):
            if status not in wanted:
                continue
            if filters.since is not None and filters.since.has(entry_changed(value)):
                continue
            entry = decode_entry(value)
            if not filters.reasons or native_code(entry.evidence) in filters.reasons:
                yield list_item(request, device, entry, self.catalogue, self.retention_ms)

    def _held_entries(
        self, request: ServiceRequestId, after: DeviceId | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        """(Device ID, status number, stored entry) of the items not due yet, after ``after``."""
        prefix = request_prefix(request)
        start = None if after is None else prefix + after.encode() + b"\0"
        for key, value in self.reading.scan(prefix, start):
            status, received_at = entry_head(value)
            if self._is_held(received_at):
                yield key[len(prefix) :].decode(), status, value

    def _counts(self, request: ServiceRequestId) -> RequestCounts:
        """Items by status number and by native code. They are counted one by one only if some may
        be due: 50,000 devices take about 250 ms."""
        kept = decode_request_counts(self.reading.get(counts_key(request)))
        if kept is None:
            return RequestCounts({}, 0)
        if self._is_held(kept.oldest):
            return kept
        statuses, reasons = Counter[int](), Counter[str]()
        for _, status, value in self._held_entries(request):
            statuses[status] += 1
            reasons[native_code(decode_entry(value).evidence)] += 1
        return RequestCounts(statuses, kept.oldest, reasons)

    def _view(self, caller: Caller, device: DeviceId) -> DeviceView:
        row = self.row(caller, device)
        if row is None:
            return DeviceView(device, (), ())
        return device_view(device, row, self.catalogue, self.retention_ms)

    def _shows(self, caller: Caller, item: ItemView) -> bool:
        return item.available_until > self.now and may_see(caller, item.service_request_id)

    def _is_held(self, received_at: int) -> bool:
        """Whether something received at that time is within the retention."""
        return received_at + self.retention_ms > self.now


class Reads:
    """Opens snapshots of the view, once it may be read."""

    def __init__(
        self,
        progress: Progress,
        catalogue: Catalogue,
        retention_ms: int,
        processor_silent_after_ms: int = PROCESSOR_SILENT_AFTER_MS,
    ) -> None:
        self.progress = progress
        self.processor_silent_after_ms = processor_silent_after_ms
        self.retention_ms = retention_ms
        self._catalogue = catalogue

    def view(self) -> View:
        """The view, or :class:`NotReady`."""
        view = self.progress.view
        if view is None:
            raise NotReady(self.progress.remaining())
        return view

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A snapshot of the view, or :class:`NotReady`.

        The lag is read before the snapshot is taken, so that it never understates the lag.
        """
        view = self.view()
        lag = self.progress.lag()
        with view.snapshot() as reading:
            now = self.progress.broker_now()
            yield Snapshot(reading, self.progress, lag, now, self._catalogue, self.retention_ms)

    def freshness(self) -> Freshness:
        """The freshness of the view as last applied; :class:`NotReady`."""
        view = self.view()
        lag = self.progress.lag()
        return _freshness(lag, view.marks(), self.progress)

    def processor_seen(self) -> dict[int, int | None]:
        """Partition -> time of its newest control record, in milliseconds since 1970 UTC by the
        broker's clock; :class:`NotReady`."""
        return {number: mark.as_of for number, mark in self.view().marks().items()}

    def silent_partitions(self) -> list[int]:
        """Partitions without a new control record for :attr:`processor_silent_after_ms`;
        :class:`NotReady`."""
        since = self.progress.broker_now() - self.processor_silent_after_ms
        return [n for n, at in self.processor_seen().items() if at is None or at < since]


def _freshness(lag: int | None, held: dict[int, PartitionMark], progress: Progress) -> Freshness:
    times = [mark.as_of for mark in held.values()]
    known = [time for time in times if time is not None]
    sources: dict[str, int] = {}
    for mark in held.values():
        for source, received_at in mark.last_received.items():
            sources[source] = max(received_at, sources.get(source, 0))
    as_of = min(known) if known and len(known) == len(times) else None
    waiting = progress.waiting({number: mark.folded for number, mark in held.items()})
    return Freshness(lag, as_of, dict(sorted(sources.items())), waiting)


def unmatched_shown(
    caller: Caller, view: DeviceView, held: Sequence[TimelineEntry]
) -> tuple[tuple[TimelineEntry, ...], int]:
    """The newest unmatched reports, if the caller may see them, and how many more there are."""
    if not may_see_unmatched(caller):
        return (), 0
    shown = held[-UNMATCHED_SHOWN:]
    return tuple(shown), view.not_kept + len(held) - len(shown)


def most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """``counts`` in the order of an answer: by count, then by name."""
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def by_status(counts: Mapping[int, int]) -> dict[Status, int]:
    """Counts by status number as counts by Processing Status, in the order of the lifecycle."""
    return {Status(status): number for status, number in sorted(counts.items())}


def by_completion(counts: Mapping[int, int]) -> dict[Completion, int]:
    """Counts by status number as counts by Completion Status."""
    found = dict.fromkeys(Completion, 0)
    for status, number in counts.items():
        found[Status(status).completion] += number
    return found
