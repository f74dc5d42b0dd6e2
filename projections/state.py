"""The row of a device: what is stored, in which bytes, and the one order of its records.

A row is a canonical form of a *set* of records, so equal sets have equal bytes. Which event counts
and where it belongs is a view over that set (:mod:`projections.status_derivation`). It is
MessagePack with a layout byte in front: encoding costs a fiftieth of Avro's (docs/decisions/0003).
"""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, array_like=True, gc=False):
    """One valid record about a device, reduced to what the fold and the screens need.

    Times are milliseconds since 1970 UTC.
    """

    identity: bytes
    """The event's UUID (16 bytes), then its :class:`~schemas.topics.Source`."""
    at: int
    """When it happened, after the clock-skew rule; what every comparison uses."""
    status: int
    """:class:`~projections.lifecycle.Status`, or 0."""
    received_at: int
    partition: int
    offset: int
    occurred_at: int
    """When it happened by the source's own clock."""
    code: str
    """Native code, trimmed and in upper case."""
    result: int | None = None
    message: str | None = None
    request_id: str | None = None
    """Request it names; none within an :class:`Item`, which says it once for all its records."""
    version: str | None = None
    """Target version, as the report names it."""
    image_hash: str | None = None
    device_type: str | None = None
    detail: str | None = None
    running: str | None = None
    """Version that the device runs, as the report says."""

    @property
    def source(self) -> int:
        """The :class:`~schemas.topics.Source` number."""
        return self.identity[16]


class Records(msgspec.Struct, array_like=True):
    """A set of records, of which a bounded number is kept whole (:mod:`projections.cap`)."""

    kept: list[Report] = []
    """As they were received."""
    left_out: list[int] = []
    """Hashes of the places of those not kept, least first: so that each is counted once."""


class Item(msgspec.Struct, array_like=True):
    """What DSP, CSP and SSMI said about one request on this device."""

    request_id: str
    records: Records


class Row(msgspec.Struct, array_like=True):
    """Everything held for one device."""

    catalogue: str
    """Version of the code catalogue that read the records."""
    device_types: str
    """The types that were eligible when the row was last changed, such as ``ESME,GSME``."""
    holds_from: int = 0
    """Received time from which retention counts for what of the row ends first, in milliseconds."""
    forgot_at: int = 0
    """When something of the row last ended, in received time: what is left was there then."""
    items: list[Item] = []
    """In order of request ID; one that no DSP or CSP event opened yet is not an item to anybody."""
    hub: Records = msgspec.field(default_factory=Records)
    """Records of the Comms Hub, whether they name a request or not."""


class Head(msgspec.Struct, array_like=True):
    """How a row begins."""

    catalogue: str
    device_types: str
    holds_from: int
