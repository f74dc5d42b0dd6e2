"""Kafka clients: the one place that makes them, for every program.

What all have in common is said here once: where the brokers are, who is asking and how that is
proved (:mod:`runtime.access.kafka_security`), how much the client itself logs. Programs add what
they need (docs/reliability.md says who notices the end of each). The client of Faust's thread is
aiokafka's and begins with :func:`aiokafka_settings`. A password that was changed is given to every
client that there is by :func:`renew`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import confluent_kafka
from confluent_kafka import KafkaError, Message
from confluent_kafka.admin import AdminClient

from runtime.access import diagnosis
from runtime.access.kafka_security import current
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
_SAID: Final[WeakKeyDictionary[AdminClient, tuple[str, deque[KafkaError]]]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()
_CLIENTS: Final[WeakSet[Any]] = WeakSet()
_OF_AIOKAFKA: Final[WeakSet[Any]] = WeakSet()

Client = TypeVar("Client")


class Producer(confluent_kafka.Producer):
    """One that can be remembered weakly."""


class Consumer(confluent_kafka.Consumer):
    """The same. While a thread waits in it, no other can give it a password, and one that waits
    again and again lets nobody in: so it is taken by the thread that reads."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._password: deque[tuple[str, str]] = deque(maxlen=1)

    def renew(self, user: str, password: str) -> None:
        """To be used from the next :meth:`poll` or :meth:`consume` on."""
        self._password.append((user, password))

    def poll(self, timeout: float = -1) -> Message | None:
        """As of its parent."""
        self._take()
        return super().poll(timeout)

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """As of its parent."""
        self._take()
        return super().consume(num_messages, timeout)

    def _take(self) -> None:
        if self._password:
            self.set_sasl_credentials(*self._password.popleft())


def admin_client(bootstrap: str, settings: Settings | None = None) -> AdminClient:
    """Asks the brokers about topics and groups; complains by exceptions and not on the terminal."""
    said: deque[KafkaError] = deque(maxlen=_COMPLAINTS)
    own = {"error_cb": said.append, **(settings or {})}
    client = _remembered(AdminClient(_settings(bootstrap, "fdt-admin", SILENT, own)))
    _SAID[client] = bootstrap, said
    return client


def complaint(client: AdminClient) -> str | None:
    """Why the brokers cannot be talked to, by the newest failed connection of an admin client: the
    address, the certificate, the user, and which setting mends it; None if that is not known. What
    an answer's own error says is only that there was none."""
    client.poll(0)
    bootstrap, said = _SAID[client]
    telling = [error for error in list(said) if error.code() != KafkaError._ALL_BROKERS_DOWN]
    told = telling[-1].str() if telling else ""  # of a broker that hangs up it tells nothing
    return diagnosis.explained(bootstrap, told, current()) or None


def producer(bootstrap: str, client_id: str, settings: Settings | None = None) -> Producer:
    """An idempotent one, which waits for every replica and places a key as Java's clients do."""
    own = {"partitioner": PRODUCER_PARTITIONER, "acks": "all", "enable.idempotence": True}
    made = _settings(bootstrap, client_id, CRITICAL, {**own, **(settings or {})})
    return _remembered(Producer(made))


def consumer(bootstrap: str, group: str, settings: Settings | None = None) -> Consumer:
    """One that is assigned its partitions and commits nothing by itself.

    ``group`` is demanded by the client and joined by none of them; it is the client id as well.
    """
    own = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    made = _settings(bootstrap, group, CRITICAL, {**own, **(settings or {})})
    return _remembered(Consumer(made))


def aiokafka_settings(bootstrap: str | list[str], client_id: str) -> dict[str, Any]:
    """The same for a client of aiokafka."""
    return {
        "bootstrap_servers": bootstrap,
        "client_id": client_id,
        **current().of_aiokafka(),
    }


def renew(user: str, password: str) -> None:
    """Every client of this process has ``password`` from its next connection on."""
    with _LOCK:
        clients, others = list(_CLIENTS), list(_OF_AIOKAFKA)
    for client in clients:
        if isinstance(client, Consumer):
            client.renew(user, password)
            continue
        # One that was closed meanwhile connects no more, and says so in this way.
        with suppress(RuntimeError):
            client.set_sasl_credentials(user, password)
    for other in others:  # it takes them from here for each connection
        other._sasl_plain_password = password


def renewed(client: Client) -> Client:
    """A client of aiokafka, once :func:`renew` knows it."""
    with _LOCK:
        _OF_AIOKAFKA.add(client)
    return client


def _remembered(client: Client) -> Client:
    with _LOCK:
        _CLIENTS.add(client)
    return client


def _settings(
    bootstrap: str, client_id: str, log_level: int, settings: Settings | None
) -> dict[str, Any]:
    base = {
        "bootstrap.servers": bootstrap,
        "client.id": client_id,
        "log_level": log_level,
        "logger": _LOG,
    }
    return {**base, **current().of_librdkafka(), **(settings or {})}
