"""Makes every Kafka client, for all programs.

The settings that all share are here: addresses, credentials (:mod:`runtime.access.kafka_security`),
what the client itself logs. Programs add what they need (docs/reliability.md says who notices the
end of each client). The client of Faust's thread is aiokafka's and begins with
:func:`aiokafka_settings`. :func:`renew` gives a changed password to every client.
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
"""``log_level`` of a client whose errors are all raised as exceptions."""
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
    """A producer that can be referred to weakly."""


class Consumer(confluent_kafka.Consumer):
    """A consumer that can be referred to weakly.

    While a thread polls it, no other thread can set its password; so the polling thread takes a new
    one.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._password: deque[tuple[str, str]] = deque(maxlen=1)

    def renew(self, user: str, password: str) -> None:
        """Use it from the next :meth:`poll` or :meth:`consume` on."""
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
    """A client that asks about topics and groups; its errors are exceptions and not log lines."""
    said: deque[KafkaError] = deque(maxlen=_COMPLAINTS)
    own = {"error_cb": said.append, **(settings or {})}
    client = _remembered(AdminClient(_settings(bootstrap, "fdt-admin", SILENT, own)))
    _SAID[client] = bootstrap, said
    return client


def complaint(client: AdminClient) -> str | None:
    """Why the brokers cannot be reached, from the newest failed connection of an admin client: the
    address, the certificate or the user, and which setting mends it; None if that is not known. The
    exception of an answer says only that there was none."""
    client.poll(0)
    bootstrap, said = _SAID[client]
    telling = [error for error in list(said) if error.code() != KafkaError._ALL_BROKERS_DOWN]
    told = telling[-1].str() if telling else ""  # empty where a broker hangs up
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
        # A client that was closed meanwhile raises this; it connects no more.
        with suppress(RuntimeError):
            client.set_sasl_credentials(user, password)
    for other in others:  # aiokafka reads it for each connection
        other._sasl_plain_password = password


def renewed(client: Client) -> Client:
    """Make a client of aiokafka known to :func:`renew`, and return it."""
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
