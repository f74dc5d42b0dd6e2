"""Copies records from partitions beyond the agreed number to where the processor reads them.

Records in the additional partitions of a source topic are not read. A copy of each goes to the
partition of its key, with its first place in ``resent_`` headers, so it is folded as if it had come
there in time; the original stays, for rows to cite. How far this went is kept as the committed
offsets of a group, which the worker and the read side look at (:mod:`runtime.topics`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Message, TopicPartition

from fdt.errors import RunFailed, UserError, no_broker
from fdt.kafka.sending import Sender, home_of, resent
from runtime import kafka
from runtime.reading import NothingCame, to_the_end
from runtime.topics import MENDED_GROUP, BrokerSilent, described, waiting
from schemas.topics import SOURCE_TOPICS, STATUS

_IDLE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done for one topic."""

    topic: str
    records: int
    partitions: int
    """The number of partitions that publishers must be set to."""


def mend(bootstrap: str) -> Iterator[Mended]:
    """Repair every source topic that has more partitions than the status topic.

    May run beside workers, which wait meanwhile, and again: what was copied twice is one event.
    :class:`~fdt.errors.UserError` if the broker does not answer.
    """
    try:
        there = described(kafka.admin_client(bootstrap))
    except BrokerSilent as error:
        raise no_broker(bootstrap, str(error)) from error
    if STATUS not in there:
        raise UserError(f"{STATUS} is missing: run 'fdt topics' first.")
    used = len(there[STATUS].partitions)
    for topic in SOURCE_TOPICS.values():
        count = len(there[topic].partitions) if topic in there else 0
        if count > used:
            extra = [TopicPartition(topic, number) for number in range(used, count)]
            yield Mended(topic, _copied(bootstrap, extra, used), used)


def _copied(bootstrap: str, extra: list[TopicPartition], used: int) -> int:
    """Copy what was not copied before; returns the number of records."""
    begin = waiting(bootstrap, extra)
    if not begin:
        return 0
    consumer = kafka.consumer(bootstrap, MENDED_GROUP, kafka.COMMITTED)
    sender = Sender(bootstrap)
    try:
        ends, copied = dict[int, int](), 0
        for message in to_the_end(consumer, begin, _IDLE_S):
            copied += _copy(sender, message, used, ends)
        sender.finish()
        done = [TopicPartition(begin[0].topic, number, end) for number, end in ends.items()]
        consumer.commit(offsets=done, asynchronous=False)
    except NothingCame as error:
        raise RunFailed(str(error)) from error
    finally:
        consumer.close()
    return copied


def _copy(sender: Sender, message: Message, used: int, ends: dict[int, int]) -> int:
    """One record, or the end of its partition; 1 for a record."""
    topic, number, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert number is not None
    assert offset is not None
    if message.error() is not None:
        ends[number] = offset
        return 0
    place = resent(topic, number, offset, message.timestamp()[1])
    told: list[tuple[str, str | bytes | None]] = list(message.headers() or [])  # type: ignore[arg-type]
    if not {name for name, _ in told} & place.keys():  # one that was sent again has its place
        told += place.items()
    right = home_of(message.key(), used, number % used)
    sender.send(topic, message.value(), message.key(), right, told)
    return 1
