"""Kafka clients: the one place that makes them, for every program.

What all have in common is said here once: where the brokers are, who is asking and how that is
proved (:mod:`runtime.access.kafka_security`), how much the client itself logs. Programs add what
needs (docs/reliability.md says who notices the end of each). The client of Faust's thread is
aiokafka's and begins with :func:`aiokafka_settings`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from runtime.access.kafka_security import KafkaSecurity
from schemas.partitioning import PRODUCER_PARTITIONER

SILENT: Final = 0
"""``log_level`` of a client whose errors are all told by exceptions."""
CRITICAL: Final = 2
"""``log_level`` of a client that may log what it cannot tell otherwise (syslog's numbers)."""

COMMITTED: Final[Mapping[str, Any]] = {
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
}
"""Settings of a consumer that reads partitions to their ends, and only what is committed."""

Settings = Mapping[str, Any]

_LOG: Final = logging.getLogger("librdkafka")
"""What a client logs by itself comes here when it is polled, and not on standard error."""

_COMPLAINTS: Final = 8
_SAID: Final[WeakKeyDictionary[AdminClient, deque[KafkaError]]] = WeakKeyDictionary()


def admin_client(bootstrap: str, settings: Settings | None = None) -> AdminClient:
    """Asks the brokers about topics and groups; complains by exceptions and not on the terminal."""
    said: deque[KafkaError] = deque(maxlen=_COMPLAINTS)
    own = {"error_cb": said.append, **(settings or {})}
    client = AdminClient(_settings(bootstrap, "fdt-admin", SILENT, own))
    _SAID[client] = said
    return client


def complaint(client: AdminClient) -> str | None:
    """Why the brokers cannot be talked to, as the newest failed connection of an admin client tells
    it: the address, the certificate, the password; None if none failed. What an answer's own error
    says is only that there was none."""
    client.poll(0)
    said = _SAID[client]
    telling = [error for error in list(said) if error.code() != KafkaError._ALL_BROKERS_DOWN]
    return telling[-1].str() if telling else None


def producer(bootstrap: str, client_id: str, settings: Settings | None = None) -> Producer:
    """An idempotent one, which waits for every replica and places a key as Java's clients do."""
    own = {"partitioner": PRODUCER_PARTITIONER, "acks": "all", "enable.idempotence": True}
    return Producer(_settings(bootstrap, client_id, CRITICAL, {**own, **(settings or {})}))


def consumer(bootstrap: str, group: str, settings: Settings | None = None) -> Consumer:
    """One that is assigned its partitions and commits nothing by itself.

    ``group`` is demanded by the client and joined by none of them; it is the client id as well.
    """
    own = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    return Consumer(_settings(bootstrap, group, CRITICAL, {**own, **(settings or {})}))


def aiokafka_settings(bootstrap: str | list[str], client_id: str) -> dict[str, Any]:
    """The same for a client of aiokafka."""
    return {
        "bootstrap_servers": bootstrap,
        "client_id": client_id,
        **KafkaSecurity().of_aiokafka(),
    }


def _settings(
    bootstrap: str, client_id: str, log_level: int, settings: Settings | None
) -> dict[str, Any]:
    base = {
        "bootstrap.servers": bootstrap,
        "client.id": client_id,
        "log_level": log_level,
        "logger": _LOG,
    }
    return {**base, **KafkaSecurity().of_librdkafka(), **(settings or {})}
