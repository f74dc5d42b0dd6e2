"""Sends records for a command, and makes sure that the broker has them before it reports success.

For ``fdt dead-letters``, ``fdt topics --mend`` and ``fdt replay --status-topic``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, Message

from fdt.errors import RunFailed
from runtime import kafka
from schemas import headers
from schemas.identifiers import DeviceId, InvalidIdentifier
from schemas.partitioning import partition_of
from schemas.topics import LARGEST_STATUS

WITHIN_S: Final = 30.0
_PAUSE_S: Final = 0.1

Headers = Sequence[tuple[str, str | bytes | None]]


def resent(topic: str, partition: int, offset: int, received_at: int) -> dict[str, bytes]:
    """Headers of a record that is sent again: where it first stood, and when it was received there
    (milliseconds since 1970 UTC)."""
    place = {
        headers.RESENT_TOPIC: topic,
        headers.RESENT_PARTITION: str(partition),
        headers.RESENT_OFFSET: str(offset),
        headers.RESENT_TIMESTAMP: str(received_at),
    }
    return {name: text.encode() for name, text in place.items()}


def home_of(key: bytes | None, partitions: int, otherwise: int) -> int:
    """The partition of a key among ``partitions``; ``otherwise`` for a key that is no Device ID,
    whose record is refused wherever it stands."""
    try:
        return partition_of(DeviceId.parse((key or b"").decode()), partitions)
    except (UnicodeDecodeError, InvalidIdentifier):
        return otherwise


class Sender:
    """A producer that checks the delivery report of every record."""

    def __init__(self, bootstrap: str) -> None:
        self._failed = 0
        self._first: KafkaError | None = None
        settings = {"message.max.bytes": LARGEST_STATUS, "compression.type": "lz4"}
        self._producer = kafka.producer(bootstrap, "fdt", settings)

    def send(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int, marks: Headers
    ) -> None:
        """Give one record to the producer, with ``marks`` as its headers; waits while the queue is
        full."""
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, headers=list(marks), on_delivery=self._heard
                )
            except BufferError:
                self._producer.poll(_PAUSE_S)
            else:
                self._producer.poll(0)
                return

    def finish(self) -> None:
        """Wait until the broker has all records; else :class:`~fdt.errors.RunFailed`, and nothing
        may be marked as done."""
        left = self._producer.flush(WITHIN_S)
        if self._first is not None:
            raise RunFailed(
                f"The broker refused {self._failed} records ({self._first.str()}): nothing is "
                "marked as done that is not. Mend that, then run the command again."
            )
        if left:
            raise RunFailed(
                f"{left} records were not acknowledged within {WITHIN_S:g} s: nothing is marked "
                "as done that is not; run the command again when the broker answers."
            )

    def _heard(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed += 1
            self._first = self._first or error
