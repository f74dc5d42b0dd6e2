"""Asks the brokers about topics, groups, offsets and settings; every answer is a future.

The worker waits for each answer, the read side polls it. An error means different things to them,
so each caller handles it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    ConfigResource,
    OffsetSpec,
)

ANSWER_S: Final = 10.0
"""How long the brokers may take, in seconds."""
_PASSING: Final = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
"""Errors of a partition without a leader, of a group without a coordinator: for a moment, when it
was just made, or moves to another node."""
_AGAIN_S: Final = 0.2
_TOMBSTONES: Final = "delete.retention.ms"

T = TypeVar("T")


def once_led(ask: Callable[[], T], within_s: float = ANSWER_S) -> T:
    """What the brokers answer; asked again while a partition has no leader, or a group no
    coordinator, for a moment. ``KafkaException`` for another error, or for this one after
    ``within_s``."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _PASSING or time.monotonic() > deadline:
                raise
        time.sleep(_AGAIN_S)


def topics(
    admin: AdminClient, names: Iterable[str], *, rights: bool = False
) -> dict[str, Future[Any]]:
    """Name -> description: ``topic_id`` and ``partitions``; with ``rights`` also what the client's
    user may do (``authorized_operations``)."""
    asked: dict[str, Future[Any]] = admin.describe_topics(
        TopicCollection(list(names)),
        include_authorized_operations=rights,
        request_timeout=ANSWER_S,
    )
    return asked


def groups(admin: AdminClient, names: Iterable[str]) -> dict[str, Future[Any]]:
    """Name -> description of a consumer group, which need not be there, with what the client's user
    may do. ``KafkaException`` at once if no broker answers.

    librdkafka (2.16) ends the process by an assertion (``eonce->refcnt``, its issue 4605) when a
    question to a group's coordinator times out. So a broker must answer before one is asked.
    """
    try:
        admin.describe_cluster(request_timeout=ANSWER_S).result(ANSWER_S + 1)
    except TimeoutError as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from error
    asked: dict[str, Future[Any]] = admin.describe_consumer_groups(
        list(names), include_authorized_operations=True, request_timeout=ANSWER_S
    )
    return asked


def offsets(
    admin: AdminClient, places: Iterable[TopicPartition], spec: OffsetSpec, *, committed: bool
) -> dict[TopicPartition, Future[Any]]:
    """Place -> ``offset`` and ``timestamp``; ``committed`` leaves open transactions out. A place
    whose leader was lost on the way has none: the error of a partition without a leader."""
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    asked: dict[TopicPartition, Future[Any]] = admin.list_offsets(
        dict.fromkeys(places, spec), isolation_level=level, request_timeout=ANSWER_S
    )
    return {place: told_offset(place, answer) for place, answer in asked.items()}


def told_offset(place: TopicPartition, answer: Future[Any]) -> Future[Any]:
    """``answer``, or an error if it has no offset. librdkafka (2.16) asks each leader; of a leader
    that is gone before it answers, it gives the offset -1001 and no error."""
    told: Future[Any] = Future()

    def hear(answer: Future[Any]) -> None:
        error = answer.exception()
        if error is None and answer.result().offset == OFFSET_INVALID:
            why = f"No leader told an offset of {place.topic}[{place.partition}]"
            error = KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE, why))
        if error is None:
            told.set_result(answer.result())
        else:
            told.set_exception(error)

    answer.add_done_callback(hear)
    return told


def settings(admin: AdminClient, names: Iterable[str]) -> dict[str, Future[Any]]:
    """Topic -> its settings by name, as they are in force, the broker's defaults included."""
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    if not resources:
        return {}
    asked = admin.describe_configs(resources, request_timeout=ANSWER_S)
    return {resource.name: future for resource, future in asked.items()}


def tombstones_kept_ms(found: Any) -> int:
    """How long a compacted topic keeps its tombstones, of its :func:`settings`; milliseconds."""
    return int(found[_TOMBSTONES].value)
