"""What a partition covers: the control record in the log, and its twin beside the rows on disk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from projections.state import LAYOUT
from schemas.codec import Codec
from schemas.topics import SOURCE_TOPICS

LEDGER_KEY: Final = b"!ledger"
"""Key of the ledger in a partition's store; rows begin with ``d``."""

CONTROL_RECORD: Final = "ProcessorControl"


class Position(msgspec.Struct, array_like=True, frozen=True):
    """How far one source topic is covered."""

    topic_id: str
    next_offset: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything a partition must know to go on. Times are milliseconds since 1970 UTC."""

    positions: dict[str, Position] = field(default_factory=dict)
    """By source topic."""
    status_offset: int = 0
    """Next offset of the status partition that is not in the store."""
    rows: int = 0
    partition_time: int | None = None
    last_received: dict[str, int] = field(default_factory=dict)
    """By source; a CSP by region."""
    counts: dict[str, int] = field(default_factory=dict)
    """Source records since the partition began: ``read`` = ``folded`` + ``dead_lettered``."""

    def next_offset(self, topic: str) -> int:
        """Where the fold goes on in a source topic."""
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


def pack(ledger: Ledger, status_topic_id: str) -> bytes:
    """The bytes that stand beside the rows, written in the same WriteBatch."""
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
        )
    )


def unpack(data: bytes, status_topic_id: str) -> Ledger | None:
    """The ledger of a store; none if it is of another layout or of another status topic."""
    try:
        stored = msgspec.msgpack.decode(data, type=_Stored)
    except msgspec.DecodeError:
        return None
    if stored.layout != LAYOUT or stored.status_topic_id != status_topic_id:
        return None
    return Ledger(
        stored.positions,
        stored.status_offset,
        stored.rows,
        stored.partition_time,
        stored.last_received,
        stored.counts,
    )


def control_value(codec: Codec, ledger: Ledger, partition: int, worker: str) -> bytes:
    """The control record of a transaction."""
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
    """``ledger`` as a control record of the log says it is."""
    control: dict[str, Any] = codec.decode(CONTROL_RECORD, value)
    return replace(
        ledger,
        positions={
            p["topic"]: Position(p["topic_id"], p["next_offset"]) for p in control["positions"]
        },
        partition_time=control["partition_time"],
        last_received=control["last_received"],
        counts=control["counts"],
    )


def current(ledger: Ledger, ids: dict[str, str]) -> Ledger:
    """``ledger`` under today's topic ids: a topic created anew is read from its beginning."""
    positions = {}
    for topic in SOURCE_TOPICS.values():
        held = ledger.positions.get(topic)
        same = held is not None and held.topic_id == ids[topic]
        positions[topic] = held if held is not None and same else Position(ids[topic], 0)
    return replace(ledger, positions=positions)
