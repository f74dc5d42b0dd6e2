"""The fold: one record into the row of its device.

The row after any set of records is the same whatever their order or grouping (design §5): reports
are kept as a set, identified by (source, event id), and everything that is contested is left to the
view.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from projections.state import COPIES_KEPT, Item, Report, Row, order


def fold(row: Row, report: Report) -> bool:
    """Put ``report`` into ``row``; false if the row already held exactly this record.

    The report becomes the row's own, and may be changed by it.
    """
    held = _held(row, report.identity)
    if held is not None:
        return _fold_copy(row, held, report)
    _add(row, report)
    return True


def row_of(catalogue: str, reports: Iterable[Report]) -> Row:
    """The row of a set of reports of distinct events, which become the row's own."""
    row = Row(catalogue=catalogue)
    for report in reports:
        _add(row, report)
    return row


def _add(row: Row, report: Report) -> None:
    """Add the report of a new event, opening its item if it may (rule 2)."""
    for item in row.items:
        if item.request_id == report.request_id:
            _put(item, report)
            return
    if report.opens and report.request_id is not None:
        opened = Item(report.request_id, [])
        waiting = _waiting(row, report.request_id)
        row.loose = [r for r in row.loose if r not in waiting]
        for own in (report, *waiting):
            _put(opened, own)
        insort(row.items, opened, key=lambda i: i.request_id)
    else:
        insort(row.loose, report, key=order)


def _waiting(row: Row, request_id: str) -> list[Report]:
    """Reports that named the request before it opened."""
    return [r for r in row.loose if r.request_id == request_id]


def _put(item: Item, report: Report) -> None:
    report.request_id = None
    insort(item.reports, report, key=order)


def _fold_copy(row: Row, held: Report, report: Report) -> bool:
    """A second record of a known event (rule 1): the least place counts, the others are counted."""
    if report.place == held.place or report.place in held.copies:
        return False
    if report.place > held.place:
        if len(held.copies) == COPIES_KEPT and report.place > held.copies[-1]:
            return False
        held.copies = sorted([*held.copies, report.place])[:COPIES_KEPT]
        return True
    report.copies = sorted([*held.copies, held.place])[:COPIES_KEPT]
    others = [r for r in row.take_reports() if r is not held]
    # A copy may name another request than the one it replaces, so the set is laid out anew.
    rebuilt = row_of(row.catalogue, [*others, report])
    row.items, row.loose = rebuilt.items, rebuilt.loose
    return True


def _held(row: Row, identity: bytes) -> Report | None:
    for item in row.items:
        for report in item.reports:
            if report.identity == identity:
                return report
    for report in row.loose:
        if report.identity == identity:
            return report
    return None
