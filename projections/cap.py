"""A bounded set of records: selects which of them are kept if there are more than the cap.

Rule 6 of design §5 keeps ``cap`` records and, beyond that, those that change the answer. To be the
same in every order of arrival, the selection must *merge*: selecting from all records gives the
same as selecting from earlier selections and the rest. These two do, and so does their union:

* the first ``cap`` records by the time of receipt;
* of each kind of record, for each day (UTC) on which it happened, the first and the last.

A kind distinguishes everything that the answer depends on. So status and completion are those of
the whole set, and *since* is at most a day too late, in a stage that was contested after the cap
was reached. The other records are counted by a hash of their place, up to a bound. The first
:data:`DETAILS_KEPT` records keep their whole detail, the others its beginning, which bounds the
bytes by the same kind of selection. Proof and alternatives: docs/decisions/0006 and 0015.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from projections.rows import order
from projections.state import Records, Report
from schemas.topics import DAY_MS

TIMELINE_CAP: Final = 200
"""Default cap, in records."""

DETAILS_KEPT: Final = 24
"""Records of a set that keep their whole detail; the others keep :data:`SHORT_DETAIL`
characters."""
SHORT_DETAIL: Final = 100

LEFT_OUT_COUNTED: Final = 1000
"""Greatest count of records not kept; it then means so many or more."""

Kind = tuple[int, int, str | None, str | None, str | None, str | None, str | None, int]


def add(records: Records, report: Report, cap: int) -> bool:
    """Add a record to a set; false if the set is the same as before."""
    kept = records.kept
    key = order(report)
    at = len(kept)
    if not kept or order(kept[-1]) < key:
        kept.append(report)
    else:
        at = bisect_left(kept, key, key=order)
        if order(kept[at]) == key:
            return False
        kept.insert(at, report)
    if len(kept) > DETAILS_KEPT:
        _shorten(kept[max(at, DETAILS_KEPT)])
    return len(kept) <= cap or _cut(records, report, cap)


def _shorten(report: Report) -> None:
    """Shorten the detail of a record that is not among the first."""
    if report.detail is not None and len(report.detail) > SHORT_DETAIL:
        report.detail = report.detail[: SHORT_DETAIL - 1] + "…"


def _cut(records: Records, added: Report, cap: int) -> bool:
    """Remove what need not be kept, after ``added`` was added; whether ``added`` changed the
    set."""
    kept = records.kept
    needed = set(map(order, _first_and_last(kept)))
    records.kept = kept[:cap] + [r for r in kept[cap:] if order(r) in needed]
    counted = [_leave_out(records, r) for r in kept[cap:] if order(r) not in needed]
    return any(counted) or any(r is added for r in records.kept)


def _first_and_last(records: list[Report]) -> Iterator[Report]:
    """The first and the last record of each kind, by the time at which they happened."""
    first: dict[Kind, Report] = {}
    last: dict[Kind, Report] = {}
    for report in sorted(records, key=_happened):
        first.setdefault(_kind(report), report)
        last[_kind(report)] = report
    yield from first.values()
    yield from last.values()


def _happened(report: Report) -> tuple[int, bytes, int, int, int]:
    return (report.at, report.identity, report.received_at, report.partition, report.offset)


def _kind(report: Report) -> Kind:
    return (
        report.source,
        report.status,
        report.request_id,
        report.version,
        report.running,
        report.image_hash,
        report.device_type,
        report.at // DAY_MS,
    )


def _leave_out(records: Records, report: Report) -> bool:
    """Count a record that is not kept; false if it was counted before or the bound is reached."""
    mark = _hash(report)
    known = records.left_out
    at = bisect_left(known, mark)
    if known[at : at + 1] == [mark] or at == LEFT_OUT_COUNTED:
        return False
    known.insert(at, mark)
    del known[LEFT_OUT_COUNTED:]
    return True


def _hash(report: Report) -> int:
    """Hash of the record's place, which is unique."""
    place = f"{report.source} {report.received_at} {report.partition} {report.offset}"
    return int.from_bytes(blake2b(place.encode(), digest_size=8).digest(), "big")
