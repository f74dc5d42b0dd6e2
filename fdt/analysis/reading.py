"""Reads one partition between two offsets, in batches, for every process of an analysis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from fdt.analysis.cut import Span
from fdt.errors import RunFailed
from runtime import kafka

BATCH: Final = 10_000
_POLL_S: Final = 0.2
_IDLE_S: Final = 30.0
_SETTINGS: Final = {
    **kafka.COMMITTED,
    "auto.offset.reset": "error",
    "queued.max.messages.kbytes": 16 * 1024,
    "fetch.wait.max.ms": 10,
    "max.poll.interval.ms": 86_400_000,  # a batch may wait long for a disk
    "log_level": kafka.SILENT,
}


def batches(bootstrap: str, span: Span) -> Iterator[list[Message]]:
    """The committed records of a span, in batches.

    :class:`~fdt.errors.RunFailed` if the broker gives neither records nor an end, or has deleted
    records of the span.
    """
    if not span.size:
        return
    consumer = _consumer(bootstrap)
    try:
        consumer.assign([TopicPartition(span.topic, span.partition, span.start)])
        heard = time.monotonic()
        while True:
            found = consumer.consume(BATCH, timeout=_POLL_S)
            if found:
                heard = time.monotonic()
            elif time.monotonic() - heard > _IDLE_S:
                raise RunFailed(
                    f"{span.name} gave nothing for {_IDLE_S:g} s: look at the brokers, then run "
                    "the command again."
                )
            records, is_end = _within(found, span)
            if records:
                yield records
            if is_end:
                return
    finally:
        consumer.unassign()


@lru_cache(maxsize=1)
def _consumer(bootstrap: str) -> Consumer:
    """One for all spans of a process: a new one takes longer than a small partition."""
    return kafka.consumer(bootstrap, "fdt-analysis", _SETTINGS)


def release() -> None:
    """Close the connection, until something is read again."""
    _consumer.cache_clear()


def _within(found: list[Message], span: Span) -> tuple[list[Message], bool]:
    """The records before the span's end, and whether that is reached."""
    records: list[Message] = []
    for message in found:
        error = message.error()
        if error is None:
            if (message.offset() or 0) >= span.end:
                return records, True
            records.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            return records, True
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise RunFailed(
                f"{span.name}: the broker deleted records from offset {span.start} on before they "
                "were read. Run the command again for what is left."
            )
        else:
            raise RunFailed(f"{span.name} cannot be read: {error.str()}. Run the command again.")
    return records, bool(records) and (records[-1].offset() or 0) + 1 >= span.end
