"""A row as at an instant: what was shown of a device before its later records were received.

A row is a set of records with the times at which the broker received them. The row as at an instant
is that set without later records, after retention at that time. What the row has lost since is
reported as a :class:`Doubt`; ``fdt replay`` derives the exact state from the events.

Codes have the meaning of the present catalogue, and dead letters that were sent again count from
the receipt of their first record.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from projections.retention import Retained, retain, split_at, with_records
from projections.state import Records, Row


class Doubt(StrEnum):
    """Why a row as at an instant may be incomplete."""

    CAPPED = "capped"
    """Some records of the request or of the device's Comms Hub were counted and not kept."""
    FORGOTTEN = "forgotten"
    """Something of the device has ended since, which existed then or may have."""
    UNREAD = "not-read-yet"
    """Not everything that was received by then is folded yet; the read side adds it."""


class AsAt(msgspec.Struct, frozen=True, gc=False):
    """A device as at an instant."""

    retained: Retained
    forgotten: bool
    capped: frozenset[str]
    """Requests with records that were not kept."""
    hub_capped: bool

    def doubts(self, request_id: str | None = None) -> list[Doubt]:
        """The doubts of one request of the device, or of the whole device."""
        capped = self.capped if request_id is None else self.capped & {request_id}
        found = [Doubt.CAPPED] if capped or self.hub_capped else []
        return [*found, Doubt.FORGOTTEN] if self.forgotten else found


def as_at(row: Row, at: int, retention_ms: int) -> AsAt:
    """``row`` as at ``at``, in milliseconds since 1970 UTC by the broker's clock. ``row`` is
    modified and must not be used afterwards.

    A device without records from before ``at`` may have had an item that has ended since without a
    trace: that is a doubt too.
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
