"""The row of a device: what is stored, in which bytes, and the one order of its records.

A row is a canonical form of a *set* of records, so equal sets have equal bytes. Which event counts
and where it belongs is a view over that set (:mod:`projections.status_derivation`). It is
MessagePack with a layout byte in front: encoding costs a fiftieth of Avro's (docs/decisions/0003).
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.topics import Source

LAYOUT: Final = 4
"""First byte of every stored row. A row of another layout is rebuilt from the log, never guessed
at."""


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

    @property
    def opens(self) -> bool:
        """Only DSP and CSP events open an item."""
        return self.identity[16] <= Source.CSP


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

    def reports(self) -> list[Report]:
        """Every record that is kept."""
        return [report for records in self.sets() for report in records.kept]

    def sets(self) -> list[Records]:
        """The sets that the records are kept in."""
        return [*[item.records for item in self.items], self.hub]


class ForeignLayout(ValueError):
    """A stored row of another layout version."""


class _Head(msgspec.Struct, array_like=True):
    catalogue: str
    device_types: str
    holds_from: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_PREFIX: Final = bytes([LAYOUT])


def encode_row(row: Row) -> bytes:
    """The stored bytes of a row."""
    return _PREFIX + _encode(row)


def decode_row(data: bytes) -> Row:
    """The row behind stored bytes; :class:`ForeignLayout` if another version wrote them."""
    return _decode(_body(data))


def holds_from(data: bytes) -> int:
    """:attr:`Row.holds_from` of a stored row, without the rest of it; :class:`ForeignLayout`."""
    return _decode_head(_body(data)).holds_from


def _body(data: bytes) -> memoryview:
    if data[:1] != _PREFIX:
        raise ForeignLayout(f"row layout {data[:1].hex() or 'empty'}, this program reads {LAYOUT}")
    return memoryview(data)[1:]


def order(report: Report) -> tuple[int, bytes, int, int]:
    """Key of the one order in which records are stored and shown: as they were received.

    No two records share it; of several copies of one event the least counts (rule 1).
    """
    return (report.received_at, report.identity, report.partition, report.offset)
