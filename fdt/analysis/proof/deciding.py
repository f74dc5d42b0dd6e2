"""Finds the event by which two rows of a device differ, for :mod:`fdt.analysis.proof.verifying`."""

from __future__ import annotations

import msgspec

from projections.rows import ForeignLayout, decode_row, order, reports_of
from projections.state import Report
from projections.status_derivation import derive_statuses
from projections.views import Evidence, evidence_of


def deciding(right: bytes | None, wrong: bytes | None) -> str | None:
    """The place of the first event of the right row that is missing or different in the wrong one;
    else of the first that only the wrong one has; where both have the same events, of the first
    item's evidence."""
    one, other = _reports(right), _reports(wrong)
    missed = [report for at, report in one.items() if other.get(at) != report]
    added = [report for at, report in other.items() if one.get(at) != report]
    if differing := missed or added:
        return named(evidence_of(min(differing, key=order)))
    return _evidence(right if right is not None else wrong)


def named(event: Evidence) -> str:
    """Topic, partition, offset and event ID, for people."""
    return f"{event.topic}[{event.partition}] offset {event.offset}, event {event.event_id}"


def _reports(state: bytes | None) -> dict[tuple[int, bytes, int, int], Report]:
    """The records of a row by their order; empty for a row that cannot be read."""
    try:
        kept = [] if state is None else reports_of(decode_row(state))
    except (ForeignLayout, msgspec.DecodeError):
        return {}
    return {order(report): report for report in kept}


def _evidence(state: bytes | None) -> str | None:
    if state is None:
        return None
    items = derive_statuses(decode_row(state)).served
    return named(evidence_of(items[0].evidence)) if items else None
