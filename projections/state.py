"""The stored row of a device: its structure; :mod:`projections.rows` encodes it.

A row is a canonical form of a *set* of records, so that equal sets have equal bytes. Which event
counts, and for which item, is derived from that set (:mod:`projections.status_derivation`). The
bytes are MessagePack after a layout byte: encoding costs a fiftieth of Avro's
(docs/decisions/0003).
"""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, array_like=True, gc=False):
    """One valid record about a device, reduced to the fields that fold and screens need.

    Times are milliseconds since 1970 UTC.
    """

    identity: bytes
    """The event's UUID (16 bytes), then its :class:`~schemas.topics.Source`."""
    at: int
    """When it happened, after the clock-skew rule (7); all comparisons use it."""
    status: int
    """:class:`~projections.lifecycle.Status`, or 0."""
    received_at: int
    partition: int
    offset: int
    occurred_at: int
    """When it happened by the source's clock."""
    code: str
    """Native code, trimmed and in upper case."""
    result: int | None = None
    message: str | None = None
    request_id: str | None = None
    """Request that it names; ``None`` in an :class:`Item`, which has it once for all records."""
    version: str | None = None
    """Target version, as the report names it."""
    image_hash: str | None = None
    device_type: str | None = None
    detail: str | None = None
    running: str | None = None
    """Version that the device runs, by the report."""

    @property
    def source(self) -> int:
        """The :class:`~schemas.topics.Source` number."""
        return self.identity[16]


class Records(msgspec.Struct, array_like=True):
    """A bounded set of records (:mod:`projections.cap`)."""

    kept: list[Report] = []
    """In the order of receipt."""
    left_out: list[int] = []
    """Hashes of the places of records not kept, sorted; they make each count once."""


class Item(msgspec.Struct, array_like=True):
    """The records of DSP, CSP and SSMI about one request on this device."""

    request_id: str
    records: Records


class Row(msgspec.Struct, array_like=True):
    """All records of one device."""

    catalogue: str
    """Version of the code catalogue with which the records were read."""
    device_types: str
    """Device types eligible when the row was last changed, such as ``ESME,GSME``."""
    holds_from: int = 0
    """Received time at which retention begins for what ends first, in milliseconds."""
    forgot_at: int = 0
    """When something of the row last ended, in received time; the rest was in the row then."""
    items: list[Item] = []
    """By request ID. One without a DSP or CSP event is not shown: it is not opened yet."""
    hub: Records = msgspec.field(default_factory=Records)
    """Records of the Comms Hub, with or without a request."""


class Head(msgspec.Struct, array_like=True):
    """The first fields of a row."""

    catalogue: str
    device_types: str
    holds_from: int
