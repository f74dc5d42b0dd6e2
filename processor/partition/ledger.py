"""The ledger: how far a partition is folded, as the control record in the log and on disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from projections.rows import LAYOUT
from runtime.logs.fields import about
from schemas.codec import Codec
from schemas.topics import SOURCE_TOPICS

logger = logging.getLogger(__name__)

LEDGER_KEY: Final = b"!ledger"
"""Key of the ledger in a partition's store; rows begin with ``d``."""

CONTROL_RECORD: Final = "ProcessorControl"

QUARANTINED: Final = "quarantined"
"""Name of a count, left out while it is zero: dead letters of records that ended the process."""

DELETED_UNREAD: Final = "deleted_unread"
"""Name of a count, left out while it is zero: see :attr:`Ledger.counts`."""


class Position(msgspec.Struct, array_like=True, frozen=True):
    """The position in one source topic."""

    topic_id: str
    next_offset: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The state from which a partition resumes. Times are milliseconds since 1970 UTC."""

    positions: dict[str, Position] = field(default_factory=dict)
    """Source topic -> position."""
    status_offset: int = 0
    """Next offset of the status partition that is not in the store."""
    log_start: int = 0
    """First offset of the status partition when the log last contained every row of the store; -1
    while it does not."""
    covered_at: int = 0
    """Log-append time of the last status record in the store."""
    rows: int = 0
    """Rows in the store."""
    counted: int = 0
    """Rows by the last control record; it differs from ``rows`` if store or log is incomplete."""
    partition_time: int | None = None
    last_received: dict[str, int] = field(default_factory=dict)
    """Source -> last received time; a CSP by region."""
    counts: dict[str, int] = field(default_factory=dict)
    """Source records since the partition began: ``read`` = ``folded`` + ``dead_lettered``.

    ``deleted_unread`` counts offsets that were deleted before they were read. It is an upper bound
    of the records lost, for transaction markers take offsets too.
    """

    def next_offset(self, topic: str) -> int:
        """Next offset to be folded of a source topic."""
        position = self.positions.get(topic)
        return position.next_offset if position else 0


class _Stored(msgspec.Struct, array_like=True):
    layout: int
    status_topic_id: str
    positions: dict[str, Position]
    status_offset: int
    rows: int
    partition_time: int | None
    last_received: dict[str, int]
    counts: dict[str, int]
    log_start: int
    covered_at: int
    counted: int


def pack(ledger: Ledger, status_topic_id: str) -> bytes:
    """The ledger's stored bytes, written in the same WriteBatch as the rows."""
    return msgspec.msgpack.encode(
        _Stored(
            LAYOUT,
            status_topic_id,
            ledger.positions,
            ledger.status_offset,
            ledger.rows,
            ledger.partition_time,
            ledger.last_received,
            ledger.counts,
            ledger.log_start,
            ledger.covered_at,
            ledger.counted,
        )
    )


def unpack(data: bytes) -> tuple[Ledger, str] | None:
    """The ledger of a store and its status topic's ID; ``None`` if it has another layout."""
    try:
        stored = msgspec.msgpack.decode(data, type=_Stored)
    except msgspec.DecodeError:
        return None
    if stored.layout != LAYOUT:
        return None
    ledger = Ledger(
        positions=stored.positions,
        status_offset=stored.status_offset,
        log_start=stored.log_start,
        covered_at=stored.covered_at,
        rows=stored.rows,
        counted=stored.counted,
        partition_time=stored.partition_time,
        last_received=stored.last_received,
        counts=stored.counts,
    )
    return ledger, stored.status_topic_id


def control_value(codec: Codec, ledger: Ledger, partition: int, worker: str) -> bytes:
    """The control record of a transaction, encoded."""
    return codec.encode(
        CONTROL_RECORD,
        {
            "partition": partition,
            "worker": worker,
            "positions": [
                {"topic": topic, "topic_id": p.topic_id, "next_offset": p.next_offset}
                for topic, p in sorted(ledger.positions.items())
            ],
            "partition_time": ledger.partition_time,
            "last_received": ledger.last_received,
            "rows": ledger.rows,
            "counts": ledger.counts,
        },
    )


def from_control(codec: Codec, value: bytes, ledger: Ledger) -> Ledger:
    """``ledger`` with the values of a control record."""
    control: dict[str, Any] = codec.decode(CONTROL_RECORD, value)
    return replace(
        ledger,
        positions={
            p["topic"]: Position(p["topic_id"], p["next_offset"]) for p in control["positions"]
        },
        partition_time=control["partition_time"],
        last_received=control["last_received"],
        counts=control["counts"],
        counted=control["rows"],
    )


@dataclass(frozen=True, slots=True)
class SourceLog:
    """One source topic of a partition number at the broker."""

    topic_id: str
    first: int
    end: int


def current(ledger: Ledger, sources: dict[str, SourceLog]) -> Ledger:
    """``ledger`` with positions that exist in the present topics.

    A topic that was created again, or that lost records (an unclean election), is read from its
    beginning: folding a record twice changes nothing. Records that were deleted before they were
    read are logged and counted.
    """
    positions = {
        topic: Position(sources[topic].topic_id, _place(topic, ledger, sources[topic]))
        for topic in SOURCE_TOPICS.values()
    }
    deleted = deleted_unread(ledger, sources)
    return counting_deleted(replace(ledger, positions=positions), deleted)


def deleted_unread(ledger: Ledger, sources: Mapping[str, SourceLog]) -> int:
    """Offsets between the positions and the first offsets of ``sources``."""
    deleted = 0
    for topic, log in sources.items():
        held = ledger.positions.get(topic)
        if held is None or held.topic_id != log.topic_id or held.next_offset >= log.first:
            continue
        logger.error(
            "%s begins at %d: the records from %d on were deleted before they were read",
            topic,
            log.first,
            held.next_offset,
            extra=about(topic=topic, offset=held.next_offset),
        )
        deleted += log.first - held.next_offset
    return deleted


def counting_deleted(ledger: Ledger, offsets: int) -> Ledger:
    """``ledger`` with ``offsets`` added to the count of those deleted unread."""
    if not offsets:
        return ledger
    counted = ledger.counts.get(DELETED_UNREAD, 0) + offsets
    return replace(ledger, counts={**ledger.counts, DELETED_UNREAD: counted})


def from_the_beginning(ledger: Ledger) -> Ledger:
    """``ledger`` as before any event was read, for a store whose rows are right but incomplete.

    The partition time is reset too: what is due is known only after all earlier events are read.
    """
    return replace(ledger, positions={}, counts={}, counted=ledger.rows, partition_time=None)


def gone_back(ledger: Ledger, starts: dict[str, int]) -> Ledger:
    """``ledger`` with the positions of the topics in ``starts`` set back to these offsets."""
    logger.error("the broker lost what was read of %s: it is read again", ", ".join(starts))
    moved = {
        topic: Position(ledger.positions[topic].topic_id, start) for topic, start in starts.items()
    }
    return replace(ledger, positions={**ledger.positions, **moved})


def _place(topic: str, ledger: Ledger, log: SourceLog) -> int:
    held = ledger.positions.get(topic)
    if held is None:
        return log.first
    if held.topic_id != log.topic_id:
        told = about(topic=topic)
        logger.warning("%s was created anew: it is read from its beginning", topic, extra=told)
        return log.first
    if held.next_offset > log.end:
        logger.error(
            "%s ends at %d, before the %d that were read: the broker lost records; "
            "it is read from its beginning",
            topic,
            log.end,
            held.next_offset,
            extra=about(topic=topic, offset=log.end),
        )
        return log.first
    return max(held.next_offset, log.first)
