"""Reads topics from given offsets to their ends, for commands and the worker's check of its
topics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_BATCH: Final = 1_000
_POLL_S: Final = 0.2


class NothingCame(TimeoutError):
    """The broker gave neither a record nor the end of a partition for a time."""


def to_the_end(
    consumer: Consumer, places: Sequence[TopicPartition], idle_s: float
) -> Iterator[Message]:
    """Every record from ``places`` on to where each partition ends, and then its end: a message
    whose ``error()`` is ``_PARTITION_EOF``.

    The consumer has :data:`~runtime.kafka.COMMITTED`. Raises ``KafkaException``, and
    :class:`NothingCame` after ``idle_s`` seconds without anything.
    """
    going = {(place.topic, place.partition) for place in places}
    consumer.assign(list(places))
    deadline = time.monotonic() + idle_s
    while going:
        messages = consumer.consume(_BATCH, timeout=_POLL_S)
        if messages:
            deadline = time.monotonic() + idle_s
        elif time.monotonic() > deadline:
            raise NothingCame(f"The broker gave nothing of {places[0].topic} for {idle_s:g} s.")
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is not None:
                going.discard((message.topic() or "", message.partition() or 0))
            yield message
