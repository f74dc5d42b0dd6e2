"""The effect of another code catalogue on a stored row, before it is put into force.

A row takes on a new catalogue with its next event (:func:`projections.fold.reread`). ``fdt codes``
uses this module to list the changes beforehand.
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
    """An item whose status, evidence or *since* would change."""

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

    ``None`` if every record keeps its meaning; an empty list if only records change that decide no
    item's status. Raises :class:`~projections.rows.ForeignLayout` for a row of another layout.
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
