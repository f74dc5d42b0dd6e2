"""The fold: one record into the row of its device.

A row is a set of records, so folding is adding to a set: the order and the grouping of the records,
copies and replays cannot matter (design §5, I2). What a record *means* is left to the view
(:mod:`projections.status_derivation`).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from projections.cap import TIMELINE_CAP, add
from projections.catalogue import Catalogue, UnknownCode
from projections.rows import decode_row, reports_of
from projections.state import Item, Records, Report, Row
from schemas.topics import Source

_COMMS_HUB: Final = int(Source.COMMS_HUB)


class Fold:
    """The fold under one code catalogue, one set of eligible device types and one cap."""

    def __init__(
        self, catalogue: Catalogue, device_types: frozenset[str], cap: int = TIMELINE_CAP
    ) -> None:
        self.catalogue = catalogue
        self._device_types = ",".join(sorted(device_types))
        self._cap = cap

    def new_row(self) -> Row:
        """The row of a device of which nothing is known."""
        return Row(self.catalogue.version, self._device_types)

    def stored_row(self, data: bytes) -> Row:
        """The row behind stored bytes, read anew if another catalogue made it.

        Raises :class:`~projections.state.ForeignLayout` if another version wrote them.
        """
        row = decode_row(data)
        row.device_types = self._device_types
        if row.catalogue != self.catalogue.version:
            reread(row, self.catalogue)
        return row

    def add(self, row: Row, report: Report) -> bool:
        """Put ``report`` into ``row``; false if the row already held exactly this record.

        The report becomes the row's own, and may be changed by it.
        """
        if report.identity[16] == _COMMS_HUB:  # Report.source, on the hot path
            return add(row.hub, report, self._cap)
        assert report.request_id is not None, "events of DSP, CSP and SSMI name their request"
        records = _records(row, report.request_id)
        report.request_id = None
        return add(records, report, self._cap)


def reread(row: Row, catalogue: Catalogue) -> None:
    """Give every record of ``row`` the status that ``catalogue`` reads from its native code.

    A code that the catalogue no longer knows keeps the status it was read with.
    """
    for report in reports_of(row):
        try:
            meaning = catalogue.meaning(
                Source(report.source), report.code, report.result, report.message
            )
        except UnknownCode:
            continue
        report.status = meaning.status
    row.catalogue = catalogue.version


def _records(row: Row, request_id: str) -> Records:
    """The records of a request, which are there from its first one on."""
    for item in row.items:
        if item.request_id == request_id:
            return item.records
    at = bisect_left(row.items, request_id, key=lambda item: item.request_id)
    row.items.insert(at, Item(request_id, Records()))
    return row.items[at].records
