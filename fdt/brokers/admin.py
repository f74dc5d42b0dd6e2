"""Asks whether a broker answers; every kind of broker waits for its start by it."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime import kafka

_HASTY: Final = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 200,
}
"""A starting broker refuses connections: it is asked again at once."""


def admin_client(bootstrap: str) -> AdminClient:
    """An admin client that connects again quickly; its errors are exceptions."""
    return kafka.admin_client(bootstrap, _HASTY)


def silence(client: AdminClient, timeout_seconds: float) -> str | None:
    """Why no broker answered within the time; None if one did."""
    try:
        brokers = client.list_topics(timeout=timeout_seconds).brokers
    except KafkaException as error:
        return kafka.complaint(client) or str(error.args[0].str())
    return None if brokers else "no broker has registered with the cluster yet"
