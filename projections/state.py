"""The row of a device: what is stored, in which bytes, and the one order of its records.

A row is a canonical form of a *set* of reports, so equal sets have equal bytes. It is MessagePack
with a layout byte in front: encoding costs a fiftieth of Avro's (docs/decisions/0003).
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.topics import Source

LAYOUT: Final = 1
"""First byte of every stored row. A row of another layout is rebuilt from the log, never guessed
at."""

COPIES_KEPT: Final = 20
"""Places of copies kept for one report; more are not told apart (the count then reads 20 or
more)."""


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
    """Request it names; none within an :class:`Item`, which says it once for all its reports."""
    version: str | None = None
    """Target version; for proof of activation, the version that runs."""
    image_hash: str | None = None
    device_type: str | None = None
    detail: str | None = None
    copies: list[tuple[int, int, int]] = []
    """Other places of the same event, as (received_at, partition, offset), least first."""

    @property
    def source(self) -> int:
        """The :class:`~schemas.topics.Source` number."""
        return self.identity[16]

    @property
    def place(self) -> tuple[int, int, int]:
        """(received_at, partition, offset): of several copies the least counts."""
        return (self.received_at, self.partition, self.offset)

    @property
    def opens(self) -> bool:
        """Only DSP and CSP events open an item."""
        return self.identity[16] <= Source.CSP


class Item(msgspec.Struct, array_like=True):
    """What is known of one request on this device from records that name the request."""

    request_id: str
    reports: list[Report]


class Row(msgspec.Struct, array_like=True):
    """Everything held for one device."""

    catalogue: str
    """Version of the code catalogue that read the records."""
    items: list[Item] = []
    """In order of request ID."""
    loose: list[Report] = []
    """Reports that name no request of this device: assigned by the view, each time anew."""

    def take_reports(self) -> list[Report]:
        """Every report of the row as it was folded in; the row is spent."""
        for item in self.items:
            for report in item.reports:
                report.request_id = item.request_id
        return [report for item in self.items for report in item.reports] + self.loose


class ForeignLayout(ValueError):
    """A stored row of another layout version."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode
_PREFIX: Final = bytes([LAYOUT])


def encode_row(row: Row) -> bytes:
    """The stored bytes of a row."""
    return _PREFIX + _encode(row)


def decode_row(data: bytes) -> Row:
    """The row behind stored bytes; :class:`ForeignLayout` if another version wrote them."""
    if data[:1] != _PREFIX:
        raise ForeignLayout(f"row layout {data[:1].hex() or 'empty'}, this program reads {LAYOUT}")
    return _decode(memoryview(data)[1:])


def order(report: Report) -> tuple[int, bytes]:
    """Key of the one order in which reports are stored and shown: as they were received."""
    return (report.received_at, report.identity)
