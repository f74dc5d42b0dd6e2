"""Retention (design §7): an item ends a fixed time after its evidence was received, an unmatched
report after its own receipt.

The result is as if records had been folded in the order of receipt, with everything due removed
before each. So a gap of at least the retention ends an item in every fold, live or from the
beginning, and a later event does not find it. Times are received times of the broker, in
milliseconds since 1970 UTC; nothing here reads a clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

import msgspec

from projections.correlation import version_of
from projections.rows import order, reports_of, sets_of
from projections.state import Item, Records, Report, Row
from projections.status_derivation import DerivedStatuses, derive_statuses
from schemas.topics import DAY_MS

RETENTION_MS: Final = 30 * DAY_MS
"""Default retention after an item's evidence was received."""

NOTHING_HELD: Final = 0
"""``holds_from`` of a row without records."""

_NEVER: Final = 1 << 62


class Retained(msgspec.Struct, gc=False, frozen=True):
    """A row without what has ended, and its derived statuses."""

    row: Row
    found: DerivedStatuses

    @property
    def is_empty(self) -> bool:
        """Whether everything has ended, so that the device is forgotten."""
        return self.row.holds_from == NOTHING_HELD


def retain(row: Row, retention_ms: int, now: int) -> Retained:
    """``row`` at ``now``, the partition time: every record received before it is known.

    ``holds_from`` is set in the result; ``row`` is modified and must not be used afterwards.
    """
    first, last = _span(row)
    if first + retention_ms <= max(last, now):
        row = _replayed(row, retention_ms, now)
        first, last = _span(row)
    found = derive_statuses(row)
    row.holds_from = _since(found)
    if first + retention_ms <= last:
        row.holds_from = _holds_from(row, found, now)
    if row.holds_from == _NEVER:
        row.holds_from = NOTHING_HELD
    else:
        # What is left is not due, whatever a record after ``now`` means for earlier ones.
        row.holds_from = max(row.holds_from, now - retention_ms + 1)
    return Retained(row, found)


Placed = tuple[str | None, Report]
"""The request in whose set a record is, ``None`` for the Comms Hub's set; and the record."""


def _span(row: Row) -> tuple[int, int]:
    """First and last received time of the records; far in the future if there are none."""
    first, last = _NEVER, 0
    for records in sets_of(row):
        kept = records.kept
        if kept:
            first = min(first, kept[0].received_at)
            last = max(last, kept[-1].received_at)
    return first, last


def _holds_from(row: Row, found: DerivedStatuses, now: int) -> int:
    """When retention begins for what ends first, in a row with records after ``now``.

    It is never too late, so that the sweep comes in time: records after ``now`` may turn out to be
    unrelated to those before, and then do not prolong them.
    """
    past, ahead = split_at(row, now)
    before = derive_statuses(with_records(row, past))
    return min([_since(found), _since(before), *[report.received_at for _, report in ahead]])


def _since(found: DerivedStatuses) -> int:
    since = _NEVER
    for item in found.items:
        since = min(since, item.evidence.received_at)
    for report in found.unmatched:
        since = min(since, report.received_at)
    return since


def split_at(row: Row, now: int) -> tuple[list[Placed], list[Placed]]:
    """The records up to ``now`` and those after it, each in the order of receipt."""
    placed: list[Placed] = [(None, report) for report in row.hub.kept]
    placed += [(item.request_id, report) for item in row.items for report in item.records.kept]
    placed.sort(key=lambda each: order(each[1]))
    at = bisect_right(placed, now, key=lambda each: each[1].received_at)
    return placed[:at], placed[at:]


def with_records(row: Row, placed: Iterable[Placed]) -> Row:
    """``row`` with these records instead of its own; the counts of those left out are kept."""
    filled = Row(row.catalogue, row.device_types, 0, row.forgot_at)
    filled.hub = Records([], row.hub.left_out)
    filled.items = [Item(i.request_id, Records([], i.records.left_out)) for i in row.items]
    for request_id, report in placed:
        _add_record(filled, request_id, report)
    return filled


def _replayed(row: Row, retention_ms: int, now: int) -> Row:
    """Adds the records up to ``now`` in the order of receipt, with what is due removed before each
    and at the end; then the others.

    The records that the row had when it last forgot something are added first, as they were: a
    report may have been kept with an item that has ended since.
    """
    past, ahead = split_at(row, now)
    kept = with_records(row, ())
    for request_id, report in past:
        if report.received_at > row.forgot_at:
            _expire(kept, retention_ms, report.received_at)
        _add_record(kept, request_id, report)
    _expire(kept, retention_ms, now)
    for request_id, report in ahead:
        _add_record(kept, request_id, report)
    kept.items = [item for item in kept.items if item.records.kept]
    return kept


def _add_record(row: Row, request_id: str | None, report: Report) -> None:
    """Append a record to its set: records are added in the order of receipt."""
    if request_id is None:
        row.hub.kept.append(report)
        return
    for item in row.items:
        if item.request_id == request_id:
            item.records.kept.append(report)


def _expire(row: Row, retention_ms: int, now: int) -> None:
    """Remove what is due at ``now``, the earliest first: the end of one item may end another."""
    while _span(row)[0] + retention_ms <= now:
        found = derive_statuses(row)
        since = _since(found)
        if since + retention_ms > now:
            return
        _remember_versions(row, found)
        ended = {r.identity for r in found.unmatched if r.received_at == since}
        for item in found.items:
            if item.evidence.received_at == since:
                ended.update(report.identity for report in item.reports)
        at = max(since + retention_ms, _span(row)[1])
        _remove(row, ended)
        row.forgot_at = at if reports_of(row) else 0  # an empty row equals a new one


def _remember_versions(row: Row, found: DerivedStatuses) -> None:
    """Store the version in reports that were matched by image hash, so that they stay matched when
    the event that ties the hash to the version ends."""
    versions = {
        report.identity: item.version
        for item in found.items
        for report in item.reports
        if report.identity in item.assigned and report.image_hash and version_of(report) is None
    }
    if versions:
        row.hub.kept = [
            msgspec.structs.replace(r, version=versions.get(r.identity, r.version))
            for r in row.hub.kept
        ]


def _remove(row: Row, ended: set[bytes]) -> None:
    """Remove records by identity, with their copies, and the counts of sets that become empty."""
    for records in sets_of(row):
        records.kept = [r for r in records.kept if r.identity not in ended]
        if not records.kept:
            records.left_out = []
