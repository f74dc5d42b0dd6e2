"""What another code catalogue would change in a stored row, before anybody puts it into force.

A row is read anew when its next event comes (:func:`projections.fold.reread`), so a change reaches
the rows one by one; this says beforehand where it will arrive.
"""

from __future__ import annotations

from dataclasses import dataclass

from projections.catalogue import Catalogue
from projections.fold import reread
from projections.lifecycle import Status
from projections.rows import decode_row, reports_of
from projections.status_derivation import DerivedStatus, derive_statuses


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item whose status, evidence or time would be another."""

    request_id: str
    before: Status
    after: Status

    def __str__(self) -> str:
        """The change in words."""
        if self.before is self.after:
            return f"{self.before.label}, since another event"
        return f"{self.before.label} -> {self.after.label}"


def revised(state: bytes, catalogue: Catalogue) -> list[ItemChange] | None:
    """The items of a stored row that ``catalogue`` would change, by request ID.

    None where it would read every record of the row as it was read; an empty list where only
    records change that no item's status rests on. Raises
    :class:`~projections.state.ForeignLayout` for a row of another layout.
    """
    row, again = decode_row(state), decode_row(state)
    reread(again, catalogue)
    if [r.status for r in reports_of(row)] == [r.status for r in reports_of(again)]:
        return None
    before, after = (
        _by_request(derive_statuses(row).items),
        _by_request(derive_statuses(again).items),
    )
    return [
        ItemChange(request_id, before[request_id].status, item.status)
        for request_id, item in sorted(after.items())
        if _shown(item) != _shown(before[request_id])
    ]


def _by_request(items: list[DerivedStatus]) -> dict[str, DerivedStatus]:
    return {item.request_id: item for item in items}


def _shown(item: DerivedStatus) -> tuple[Status, bytes, int]:
    return item.status, item.evidence.identity, item.evidence.at
