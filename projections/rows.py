"""Stored rows: their bytes, the one order of their records, and what the fold asks of a record.

The layout itself is :mod:`projections.state`; this is compiled, for every event comes here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from projections.state import Head, Records, Report, Row
from schemas.topics import Source

LAYOUT: Final = 4
"""First byte of every stored row. A row of another layout is rebuilt from the log, never guessed
at."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Row).decode
_decode_head: Final = msgspec.msgpack.Decoder(Head).decode
_LAST_TO_OPEN: Final = int(Source.CSP)
_PREFIX: Final = bytes([LAYOUT])


class ForeignLayout(ValueError):
    """A stored row of another layout version."""


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


def sets_of(row: Row) -> list[Records]:
    """The sets that the records of a row are kept in."""
    sets = [item.records for item in row.items]
    sets.append(row.hub)
    return sets


def reports_of(row: Row) -> list[Report]:
    """Every record of a row that is kept."""
    return [report for records in sets_of(row) for report in records.kept]


def order(report: Report) -> tuple[int, bytes, int, int]:
    """Key of the one order in which records are stored and shown: as they were received.

    No two records share it; of several copies of one event the least counts (rule 1).
    """
    return (report.received_at, report.identity, report.partition, report.offset)


def opens(report: Report) -> bool:
    """Only DSP and CSP events open an item."""
    return report.identity[16] <= _LAST_TO_OPEN


def native_code(report: Report) -> str:
    """The code with ``/result`` where there is one."""
    return report.code if report.result is None else f"{report.code}/{report.result}"
