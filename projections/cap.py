"""A bounded set of records: which are kept whole when there are more than anybody reads.

Rule 6 of design §5 keeps at most so many entries and, past that, what changes the answer. For that
to be the same in every order of arrival, the choice must *merge*: what is chosen from all records
is what is chosen from earlier choices and the rest. Two choices do, and so does their union:

* the first ``cap`` records, as they were received;
* of each kind of record, for each day (UTC) on which it happened, the first and the last.

Kinds tell apart all that the answer is made of, so status and completion are those of the whole
set, and *since* is at most a day too late, in a stage that was contested after the cap was reached.
The others are counted by a hash of their place, up to a bound. Of those kept, the first
:data:`DETAILS_KEPT` have their detail whole, the others its beginning: so bytes are bounded by the
same kind of choice. The proof and what was ruled out: docs/decisions/0006 and 0015.
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
"""Records kept whole, unless a setting says otherwise."""

DETAILS_KEPT: Final = 24
"""Records of a set whose detail is kept whole; of the others :data:`SHORT_DETAIL` characters."""
SHORT_DETAIL: Final = 100

LEFT_OUT_COUNTED: Final = 1000
"""Records not kept are told apart up to this many; the count then reads so many or more."""

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
    """The detail of a record that is not, or no longer, among the first."""
    if report.detail is not None and len(report.detail) > SHORT_DETAIL:
        report.detail = report.detail[: SHORT_DETAIL - 1] + "…"


def _cut(records: Records, added: Report, cap: int) -> bool:
    """Leave out what need not be kept, once ``added`` is in."""
    kept = records.kept
    needed = set(map(order, _first_and_last(kept)))
    records.kept = kept[:cap] + [r for r in kept[cap:] if order(r) in needed]
    counted = [_leave_out(records, r) for r in kept[cap:] if order(r) not in needed]
    return any(counted) or any(r is added for r in records.kept)


def _first_and_last(records: list[Report]) -> Iterator[Report]:
    """Of each kind, the first and the last to happen."""
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
    """Count a record once; false if it was counted before, or past the bound."""
    mark = _hash(report)
    known = records.left_out
    at = bisect_left(known, mark)
    if known[at : at + 1] == [mark] or at == LEFT_OUT_COUNTED:
        return False
    known.insert(at, mark)
    del known[LEFT_OUT_COUNTED:]
    return True


def _hash(report: Report) -> int:
    """Of what no two records share."""
    place = f"{report.source} {report.received_at} {report.partition} {report.offset}"
    return int.from_bytes(blake2b(place.encode(), digest_size=8).digest(), "big")
