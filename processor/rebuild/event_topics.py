"""Reads the event topics of one partition number between two offsets, outside the group."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from confluent_kafka import KafkaError, TopicPartition

from processor.batch import SourceRecord
from processor.config import ProcessorConfig
from processor.partition.status_log import READ_TIMEOUT_S, LogUnavailable
from processor.safety.poison_probe import Record
from runtime import kafka

_BATCH: Final = 2_000
_POLL_S: Final = 0.1
_LONGEST_UNPOLLED_MS: Final = 86_400_000


class KafkaEvents:
    """The source topics of one partition number."""

    def __init__(self, config: ProcessorConfig, number: int) -> None:
        self._number = number
        self._bootstrap, self._group = config.bootstrap, f"{config.group_id}-rebuild"
        self._settings = {
            **kafka.COMMITTED,
            "auto.offset.reset": "error",
            "max.poll.interval.ms": _LONGEST_UNPOLLED_MS,  # a quiet topic waits for the others
            "queued.max.messages.kbytes": 16 * 1024,
            "log_level": 3,
        }

    def __call__(self, topic: str, start: int, end: int) -> Iterator[SourceRecord]:
        """The records of ``topic`` from ``start`` to ``end`` (excluded). :class:`LogUnavailable` if
        the broker returns neither records nor the end of the partition."""
        if start >= end:
            return
        consumer = kafka.consumer(self._bootstrap, self._group, self._settings)
        try:
            consumer.assign([TopicPartition(topic, self._number, start)])
            heard = time.monotonic()
            while True:
                for message in consumer.consume(_BATCH, timeout=_POLL_S):
                    error, offset = message.error(), message.offset() or 0
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:
                        raise LogUnavailable(f"{topic}[{self._number}]: {error.str()}")
                    if error is not None or offset >= end:
                        return
                    told = tuple(message.headers() or ())
                    at = message.timestamp()[1]
                    yield Record(message.key(), message.value(), offset, at, told)  # type: ignore[arg-type]
                    heard = time.monotonic()
                    if offset + 1 == end:
                        return
                if time.monotonic() - heard > READ_TIMEOUT_S:
                    raise LogUnavailable(f"{topic}[{self._number}] gives nothing before {end}")
        finally:
            consumer.close()
