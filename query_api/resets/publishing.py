"""Publishes the Service Centre's events to ``firmware.ssmi.v1``; called by the resets.

An event is durable when :meth:`Publisher.publish` returns.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message

from runtime.producers import RenewedProducer, unmasked
from schemas import headers as h
from schemas.codec import Codec
from schemas.registry import NAMESPACE, RegistryUnavailable
from schemas.topics import SSMI_EVENTS

RECORD: Final = "SsmiEvent"
_CE_SOURCE: Final = "/ssmi"
_DURABLE_S: Final = 10.0


class NotDurable(ConnectionError):
    """The broker did not confirm the event: it may have been written or not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Partition and offset of an event."""

    topic: str
    partition: int
    offset: int


class Publisher(Protocol):
    """Port: publishes to the Service Centre's topic."""

    def publish(self, event: dict[str, Any]) -> Place:
        """Publish an event and wait until all in-sync replicas have it; :class:`NotDurable`."""


class KafkaPublisher:
    """Publishes with an idempotent producer and ``acks=all``. Safe for many threads."""

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        self._codec = codec
        settings = {"linger.ms": 0, "message.timeout.ms": int(_DURABLE_S * 1000)}
        self._producer = RenewedProducer(bootstrap, "read-side-ssmi", settings)

    def publish(self, event: dict[str, Any]) -> Place:
        """See :meth:`Publisher.publish`."""
        confirmed = _Confirmation()
        producer = self._producer.current()
        try:
            with unmasked():
                producer.produce(
                    SSMI_EVENTS,
                    self._codec.encode(RECORD, event),
                    event["device_id"].encode(),
                    on_delivery=confirmed.take,
                    headers=_headers(event),
                )
                producer.flush(_DURABLE_S + 1)
        except (BufferError, RegistryUnavailable) as error:
            raise NotDurable(f"the event was not taken: {error}") from error
        except KafkaException as error:
            self._producer.heard(error.args[0])
            raise NotDurable(f"the producer cannot go on: {error}") from error
        if confirmed.error is not None:
            self._producer.heard(confirmed.error)
        return confirmed.place()


class _Confirmation:
    """The delivery report of one event."""

    def __init__(self) -> None:
        self._said = threading.Event()
        self.error: KafkaError | None = None
        self._place: Place | None = None

    def take(self, error: KafkaError | None, message: Message) -> None:
        self.error = error
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            self._place = Place(SSMI_EVENTS, partition, offset)
        self._said.set()

    def place(self) -> Place:
        if not self._said.wait(1.0) or self._place is None:
            raise NotDurable(str(self.error.str()) if self.error else "the broker is silent")
        return self._place


def _headers(event: dict[str, Any]) -> list[tuple[str, str | bytes | None]]:
    at = datetime.fromtimestamp(event["occurred_at"] / 1000, UTC)
    return [
        (h.CE_ID, event["event_id"]),
        (h.CE_SOURCE, _CE_SOURCE),
        (h.CE_TIME, at.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        (h.CE_TYPE, f"{NAMESPACE}.{RECORD}"),
    ]
