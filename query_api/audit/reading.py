"""Reads the audit topic: the newest entries of a period, for the auditors' page.

Every question reads the topic anew: questions are rare, and no copy has to be kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from query_api.audit.entry import RECORD, AuditEntry
from runtime import kafka
from runtime.broker import once_led
from schemas.codec import BadRecord, Codec
from schemas.topics import AUDIT

MOST_ENTRIES: Final = 500
_READ_AT_MOST: Final = 200_000
"""Greatest number of entries read from each partition, the newest of the period."""
_ANSWER_S: Final = 5.0
_READ_S: Final = 20.0
_BATCH: Final = 5000


class LogUnavailable(ConnectionError):
    """The broker did not answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """Filter of entries; ``None`` in a field means all."""

    since_ms: int
    user: str | None = None
    action: str | None = None
    outcome: str | None = None

    def wants(self, entry: AuditEntry) -> bool:
        """Whether the filter selects an entry."""
        return (
            entry.occurred_at >= self.since_ms
            and self.user in (None, entry.user)
            and self.action in (None, entry.action)
            and self.outcome in (None, entry.outcome)
        )


class AuditLog(Protocol):
    """Port: where entries are read from."""

    def newest(self, question: Question, most: int = MOST_ENTRIES) -> list[AuditEntry]:
        """At most ``most`` entries, newest first; :class:`LogUnavailable`."""


class KafkaAuditLog:
    """The entries in ``firmware.audit.v1`` at ``bootstrap``."""

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        self._bootstrap = bootstrap
        self._codec = codec

    def newest(self, question: Question, most: int = MOST_ENTRIES) -> list[AuditEntry]:
        """See :meth:`AuditLog.newest`."""
        try:
            found = once_led(lambda: self._found(question), _ANSWER_S)
        except KafkaException as error:
            told = f"{self._bootstrap} does not answer: {error.args[0]}"
            raise LogUnavailable(told) from error
        # Of entries in the same millisecond the one read later is the newer.
        latest_first = reversed(found.values())
        return sorted(latest_first, key=lambda entry: -entry.occurred_at)[:most]

    def _found(self, question: Question) -> dict[str, AuditEntry]:
        """The selected entries by event ID: the topic may hold an entry more than once."""
        with closing(kafka.consumer(self._bootstrap, "read-side-audit-log")) as consumer:
            found: dict[str, AuditEntry] = {}
            for entry in self._entries(consumer, question.since_ms):
                if question.wants(entry):
                    found.setdefault(entry.event_id, entry)
            return found

    def _entries(self, consumer: Consumer, since_ms: int) -> Iterator[AuditEntry]:
        ends = self._assign(consumer, since_ms)
        deadline = time.monotonic() + _READ_S
        while ends:
            if time.monotonic() > deadline:
                raise LogUnavailable(f"{self._bootstrap} took more than {_READ_S:g} s")
            for message in consumer.consume(_BATCH, timeout=0.5):
                if message.error() is not None:
                    raise KafkaException(message.error())
                _strike_off(ends, message)
                entry = self._entry(message)
                if entry is not None:
                    yield entry

    def _assign(self, consumer: Consumer, since_ms: int) -> dict[int, int]:
        """Assign the partitions from the start of the period; partition -> offset of its last
        record."""
        topic = consumer.list_topics(AUDIT, timeout=_ANSWER_S).topics[AUDIT]
        wanted = [TopicPartition(AUDIT, number, since_ms) for number in topic.partitions]
        begins, ends = [], {}
        for place in consumer.offsets_for_times(wanted, timeout=_ANSWER_S):
            _, end = consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
            if place.offset >= 0 and place.offset < end:
                first = max(place.offset, end - _READ_AT_MOST)
                begins.append(TopicPartition(AUDIT, place.partition, first))
                ends[place.partition] = end - 1
        consumer.assign(begins)
        return ends

    def _entry(self, message: Message) -> AuditEntry | None:
        """The entry of a record; ``None`` if it is no audit entry."""
        try:
            return AuditEntry(**self._codec.decode(RECORD, message.value()))
        except BadRecord:
            return None


def _strike_off(ends: dict[int, int], message: Message) -> None:
    """Removes the partition of a message that was its last one."""
    partition, offset = message.partition(), message.offset()
    if partition is not None and offset is not None and offset >= ends.get(partition, offset + 1):
        ends.pop(partition, None)
