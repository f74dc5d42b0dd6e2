"""Compares the broker's topics with the contract: creates what is missing, reports what differs.

Nothing that exists is changed: a partition count cannot be lowered, and a shorter retention deletes
data, so an operator decides.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    NewTopic,
    TopicMetadata,
)

from fdt.errors import UserError, no_broker
from fdt.settings import Settings
from fdt.times import duration_ms
from runtime import kafka, topics
from runtime.topics import BrokerSilent, Described, Difference
from schemas.topics import TopicSpec, topic_specs

REQUEST_SECONDS: Final = 10.0
VISIBLE_SECONDS: Final = 15.0
"""A topic that was just created takes a moment to be known to every broker."""

_LOOK_SECONDS: Final = 0.05


def specs_of(settings: Settings) -> list[TopicSpec]:
    """The topics as these settings want them."""
    return topic_specs(
        partitions=settings.partitions,
        replication=settings.replication,
        item_retention_ms=duration_ms(settings.retention),
        event_retention_ms=duration_ms(settings.event_retention),
        dead_letter_retention_ms=duration_ms(settings.dead_letter_retention),
        audit_retention_ms=duration_ms(settings.audit_retention),
        session_absolute_ms=duration_ms(settings.session_absolute),
    )


def ensure_topics(bootstrap: str, specs: Sequence[TopicSpec]) -> list[Difference]:
    """Creates the missing topics and compares the others.

    :class:`~fdt.errors.UserError` if the broker does not answer or refuses a topic.
    """
    create_missing(bootstrap, specs)
    return differences(bootstrap, specs)


def create_missing(bootstrap: str, specs: Sequence[TopicSpec]) -> set[str]:
    """Creates the topics that are not there, waits until they are, and names them."""
    admin = kafka.admin_client(bootstrap)
    there = _topics(admin, bootstrap)
    missing = [spec for spec in specs if spec.name not in there]
    if missing:
        _create(admin, missing)
        _wait_for(admin, bootstrap, missing)
    return {spec.name for spec in missing}


def differences(bootstrap: str, specs: Sequence[TopicSpec]) -> list[Difference]:
    """What of the existing topics is not as specified; a missing topic differs too."""
    admin = kafka.admin_client(bootstrap)
    there = _topics(admin, bootstrap)
    try:
        return topics.differences(admin, there, specs)
    except BrokerSilent as error:
        raise UserError(f"The broker at {bootstrap} does not answer: {error}.") from error


def _topics(admin: AdminClient, bootstrap: str) -> Described:
    try:
        return topics.described(admin)
    except BrokerSilent as error:
        raise no_broker(bootstrap, str(error)) from error


def _create(admin: AdminClient, specs: Sequence[TopicSpec]) -> None:
    new = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=spec.replication,
            config=spec.config,
        )
        for spec in specs
    ]
    for name, future in admin.create_topics(new, request_timeout=REQUEST_SECONDS).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise UserError(f"The broker refused the topic {name}: {_reason(error)}") from error


def _wait_for(admin: AdminClient, bootstrap: str, specs: Sequence[TopicSpec]) -> None:
    """Wait until every partition has a leader: before that, clients get *unknown topic*."""
    deadline = time.monotonic() + VISIBLE_SECONDS
    while not all(_is_ready(_topics(admin, bootstrap).get(spec.name)) for spec in specs):
        if time.monotonic() > deadline:
            names = ", ".join(spec.name for spec in specs)
            raise UserError(
                f"The topics {names} were created and have no leader after "
                f"{VISIBLE_SECONDS:.0f} s: look at the brokers."
            )
        time.sleep(_LOOK_SECONDS)


def _is_ready(topic: TopicMetadata | None) -> bool:
    return (
        topic is not None
        and topic.error is None
        and bool(topic.partitions)
        and all(partition.leader >= 0 for partition in topic.partitions.values())
    )


def _reason(error: KafkaException) -> str:
    return str(error.args[0].str())
