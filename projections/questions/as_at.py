"""A row as it was at an instant: what was shown of a device when its later records had not come.

A row is a set of records with the times at which the broker received them, so the row of an instant
is that set without what was received afterwards, retained as of then. What a row no longer holds it
cannot tell, and then says so (:class:`Doubt`); ``fdt replay`` makes it from the events.

Codes are read as the catalogue in force reads them, and dead letters that were sent again count
from the receipt of their first record.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from projections.retention import Retained, retain, split_at, with_records
from projections.state import Records, Row


class Doubt(StrEnum):
    """Why what is held may not be all that was there."""

    CAPPED = "capped"
    """Of the request, or of the device's Comms Hub, some records were counted and not kept."""
    FORGOTTEN = "forgotten"
    """Something of the device has ended since, and was there then or may have been."""
    UNREAD = "not-read-yet"
    """Not everything that was received by then is folded yet; said by the read side."""


class AsAt(msgspec.Struct, frozen=True, gc=False):
    """A device at an instant."""

    retained: Retained
    forgotten: bool
    capped: frozenset[str]
    """Requests of which records were left out."""
    hub_capped: bool

    def doubts(self, request_id: str | None = None) -> list[Doubt]:
        """Of one request of the device, or of the whole device."""
        capped = self.capped if request_id is None else self.capped & {request_id}
        found = [Doubt.CAPPED] if capped or self.hub_capped else []
        return [*found, Doubt.FORGOTTEN] if self.forgotten else found


def as_at(row: Row, at: int, retention_ms: int) -> AsAt:
    """``row``, which is spent, as of ``at``: milliseconds since 1970 UTC, by the broker's clock.

    A device of which nothing is held that was received by then may have had an item that ended
    since without a trace: that is a doubt too.
    """
    past, _ = split_at(row, at)
    capped = frozenset(item.request_id for item in row.items if item.records.left_out)
    hub_capped, forgot_at = bool(row.hub.left_out), row.forgot_at
    then = with_records(row, past)
    then.items = [item for item in then.items if item.records.kept]
    if not then.hub.kept:
        then.hub = Records()
    if forgot_at > at:
        then.forgot_at = 0
    return AsAt(retain(then, retention_ms, at), not past or forgot_at > at, capped, hub_capped)
