"""Publishes the records of one source: idempotent, ``acks=all``; a refused record ends the program.

A record lost by the simulation would look like an error of the tracker, so the first record that
the broker refuses ends the program with one sentence. When credentials are replaced, a new client
sends what the old one did not deliver; a record that arrives twice counts once.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime import kafka
from runtime.access.rotation import LOOK_EVERY_S, Replacement
from runtime.health import Health
from sources.wire import Wire

_METADATA_SECONDS: Final = 15.0
_FLUSH_SECONDS: Final = 120.0
_LOOK_WHILE_FLUSHING_S: Final = 1.0
_HANDOVER_SECONDS: Final = 10.0
"""How long a client may deliver after its credentials were replaced: they may be invalid now."""
_FULL_QUEUE_SECONDS: Final = 0.1
_TAKEN_BACK: Final = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)


class SourceError(Exception):
    """Why a source stopped, in one sentence for the user."""


class Publisher:
    """Publishes to one topic and counts the acknowledged records."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        """Connects to ``bootstrap``; :class:`SourceError` without the broker or the topic."""
        self.topic = topic
        self.acknowledged = 0
        self._bootstrap = bootstrap
        self._failure: str | None = None
        self._taken_back: list[Wire] = []
        self._producer = self._made()
        self.partitions = self._count_partitions(bootstrap)
        self._replacement = Replacement(bootstrap, Health(), self._renew)
        self._look_at = 0.0

    def send(self, record: Wire) -> None:
        """Queues one record; waits while the client's queue is full."""
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    partial(self._on_delivery, record),
                    headers=record.headers,
                )
                break
            except BufferError:
                self.poll(_FULL_QUEUE_SECONDS)
        self.poll(0)

    def poll(self, seconds: float) -> None:
        """Processes delivery reports for up to ``seconds``; a refusal raises
        :class:`SourceError`."""
        self._producer.poll(seconds)
        if self._failure is not None:
            raise SourceError(self._failure)
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self._replacement.look()

    def finish(self) -> None:
        """Waits until all records are acknowledged, also if credentials are replaced meanwhile;
        :class:`SourceError` if it takes too long."""
        deadline = time.monotonic() + _FLUSH_SECONDS
        while (
            left := self._producer.flush(_LOOK_WHILE_FLUSHING_S)
        ) and time.monotonic() < deadline:
            self.poll(0)
        self.poll(0)
        if left:
            raise SourceError(
                f"The broker left {left} records of {self.topic} unacknowledged for "
                f"{_FLUSH_SECONDS:.0f} s; check that it runs and has enough replicas."
            )

    def _renew(self) -> None:
        """Replaces the client by one with the present credentials."""
        self._producer.flush(_HANDOVER_SECONDS)
        self._producer.purge()
        self.finish()
        again, self._taken_back = self._taken_back, []
        self._producer = self._made()
        self._look_at = time.monotonic() + LOOK_EVERY_S
        for record in again:
            self.send(record)

    def _made(self) -> Producer:
        return kafka.producer(
            self._bootstrap,
            f"sources-{self.topic}",
            {
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.timeout.ms": int(_FLUSH_SECONDS * 1000),
                "error_cb": self._on_error,
                "log_level": kafka.SILENT,
            },
        )

    def abandon(self) -> None:
        """Discards what is not sent yet, so that an interrupted program ends at once."""
        self._producer.purge(in_queue=True, in_flight=False, blocking=False)

    def _count_partitions(self, bootstrap: str) -> int:
        try:
            metadata = self._producer.list_topics(self.topic, timeout=_METADATA_SECONDS)
        except KafkaException as error:
            raise SourceError(
                f"No broker answers at {bootstrap} ({_why(error.args[0])}); start one, or set "
                "KAFKA_BOOTSTRAP_SERVERS to where it is."
            ) from error
        topic = metadata.topics[self.topic]
        if topic.error is not None or not topic.partitions:
            raise SourceError(
                f"The broker at {bootstrap} has no topic {self.topic}; create it with fdt topics."
            )
        return len(topic.partitions)

    def _on_delivery(self, record: Wire, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.acknowledged += 1
        elif error.code() in _TAKEN_BACK:
            self._taken_back.append(record)
        elif self._failure is None:
            self._failure = f"The broker refused a record of {self.topic}: {_why(error)}."

    def _on_error(self, error: KafkaError) -> None:
        """Ends the program on a fatal error; librdkafka repeats after any other."""
        if error.fatal():
            self._failure = f"Publishing to {self.topic} cannot go on: {_why(error)}."


def _why(error: Any) -> str:
    return str(error.str()) if isinstance(error, KafkaError) else str(error)
