"""What the view keeps on disk: its keys, its values, and the version of both.

    m                        Meta          which topic the view is made from
    p <partition>            PartitionMark next offset, and how fresh the partition is
    d <device>               HeldDevice    the row, and what of it stands in the index
    r <request> NUL <device> IndexEntry    all that a list row or a line of CSV shows
    c <request>              RequestCounts items of a request by status and by native code
    t                        counts        items of the whole view by status

Keys are in byte order, so the entries of one request lie together, in the order of Device IDs.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from projections.rows import LAYOUT
from projections.state import Report

VIEW_LAYOUT: Final = 4
"""Version of keys and values. A view of another version is rebuilt from the topic, so raise it
whenever they change, or the rules of index entries do (:mod:`projections.status_derivation`)."""

META_KEY: Final = b"m"
TOTALS_KEY: Final = b"t"
PARTITION_PREFIX: Final = b"p"
DEVICE_PREFIX: Final = b"d"
ENTRY_PREFIX: Final = b"r"
COUNTS_PREFIX: Final = b"c"

Counts = dict[int, int]
"""Status number -> number of items, without zeros."""


class Meta(msgspec.Struct, array_like=True, frozen=True):
    """The topic that a view was made from; a view of another topic is rebuilt."""

    topic_id: str
    """The broker's topic ID: a topic that was created again has another."""
    partitions: int
    layout: int = VIEW_LAYOUT
    row_layout: int = LAYOUT


class PartitionMark(msgspec.Struct, array_like=True):
    """How far one status partition is applied. Times are milliseconds since 1970 UTC."""

    next_offset: int = 0
    seen_at: int | None = None
    """Newest log-append time of any applied record."""
    as_of: int | None = None
    """Log-append time of the newest applied control record."""
    partition_time: int | None = None
    """The processor's partition time: everything received before it is folded."""
    last_received: dict[str, int] = {}
    """Source (``dsp``, ``csp/REGION``, ``comms-hub``, ``ssmi``) -> last received time."""
    folded: dict[str, int] = {}
    """Source topic -> offset of the first event that the processor has not folded."""


class HeldDevice(msgspec.Struct, array_like=True):
    """A device's row, with the index entries that were written for it.

    The entries are stored and not derived again from the row, so that entries and counters are
    removed exactly as they were added, even if the rules have changed.
    """

    indexed: list[tuple[str, int, str]]
    """(request ID, status number, native code with result) of each index entry of the device."""
    state: bytes
    """The row, as ``projections.state`` encodes it."""


class RequestCounts(msgspec.Struct, array_like=True):
    """Counts of a request's index entries; a due item counts until its tombstone is applied."""

    statuses: Counts
    oldest: int
    """Lower bound of the received times of their evidence, in milliseconds since 1970 UTC: while it
    is within the retention, no item is due. It is not raised when an item's evidence changes."""
    reasons: dict[str, int] = {}
    """Native code of the evidence with result code -> number of items, without zeros."""


class IndexEntry(msgspec.Struct, array_like=True):
    """One item as lists show it; status, times, code and place are those of its evidence."""

    device_type: str
    version: str
    evidence: Report


_HEAD: Final = struct.Struct(">BQHQ")
"""Status number and received time of the evidence, then :data:`Changed`: filters, expiry and the
changes cursor read only these."""

Changed = tuple[int, int]
"""Status partition, and the end (next offset) of the batch that last wrote an entry. A reader of
the view at that offset or later has seen the entry in its present form."""

_encode = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(IndexEntry).decode
_decode_counts = msgspec.msgpack.Decoder(Counts).decode
_decode_request_counts = msgspec.msgpack.Decoder(RequestCounts).decode
_decode_mark = msgspec.msgpack.Decoder(PartitionMark).decode
_decode_held = msgspec.msgpack.Decoder(HeldDevice).decode
_decode_meta = msgspec.msgpack.Decoder(Meta).decode


def device_key(device_id: str) -> bytes:
    """Key of a :class:`HeldDevice`."""
    return DEVICE_PREFIX + device_id.encode()


def request_prefix(request_id: str) -> bytes:
    """Prefix of the keys of all entries of a request."""
    return ENTRY_PREFIX + request_id.encode() + b"\0"


def entry_key(request_id: str, device_id: str) -> bytes:
    """Key of an :class:`IndexEntry`."""
    return request_prefix(request_id) + device_id.encode()


def counts_key(request_id: str) -> bytes:
    """Key of the :class:`RequestCounts`."""
    return COUNTS_PREFIX + request_id.encode()


def partition_key(partition: int) -> bytes:
    """Key of a :class:`PartitionMark`."""
    return PARTITION_PREFIX + partition.to_bytes(4, "big")


def partition_of_key(key: bytes) -> int:
    """The partition number in a :func:`partition_key`."""
    return int.from_bytes(key[len(PARTITION_PREFIX) :], "big")


def encode_value(value: Meta | PartitionMark | HeldDevice | RequestCounts | Counts) -> bytes:
    """The stored bytes of any value but an index entry."""
    return _encode(value)


def encode_entry(entry: IndexEntry, changed: Changed) -> bytes:
    """The stored bytes of an index entry that was last written at ``changed``."""
    head = _HEAD.pack(entry.evidence.status, entry.evidence.received_at, *changed)
    return head + _encode(entry)


def entry_head(data: bytes) -> tuple[int, int]:
    """(status number, received time of the evidence) of a stored entry, without decoding it."""
    status, received_at, _, _ = _HEAD.unpack_from(data)
    return status, received_at


def entry_changed(data: bytes) -> Changed:
    """Where a stored entry was last written, without decoding it."""
    _, _, partition, position = _HEAD.unpack_from(data)
    return partition, position


def decode_entry(data: bytes) -> IndexEntry:
    """The entry in stored bytes."""
    return _decode_entry(memoryview(data)[_HEAD.size :])


def decode_counts(data: bytes | None) -> Counts:
    """Stored counts; empty if nothing is stored."""
    return {} if data is None else _decode_counts(data)


def decode_request_counts(data: bytes | None) -> RequestCounts | None:
    """Stored counts of a request; ``None`` if nothing is stored."""
    return None if data is None else _decode_request_counts(data)


def decode_mark(data: bytes) -> PartitionMark:
    """The mark in stored bytes."""
    return _decode_mark(data)


def decode_held(data: bytes) -> HeldDevice:
    """The device in stored bytes."""
    return _decode_held(data)


def decode_meta(data: bytes) -> Meta:
    """The meta record in stored bytes; :class:`msgspec.DecodeError` if it has another layout."""
    return _decode_meta(data)
