"""Reads, resends and settles dead letters, for ``fdt dead-letters``, exports and checks.

Nothing is ever deleted from the topic. A letter is settled by a record of its own in the same
partition, which says whether it was sent again or dropped; so later readers find both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from fdt.errors import RunFailed, UserError, no_broker
from fdt.kafka.sending import Sender, home_of, resent
from runtime import kafka
from runtime.broker import ANSWER_S
from runtime.reading import NothingCame, to_the_end
from schemas import headers
from schemas.topics import DEAD_LETTERS, STATUS, TOPIC_SOURCES

Settled = Literal["resent", "dropped"]

_IDLE_S: Final = 30.0

_LETTER_HEADERS: Final = (
    headers.DL_TOPIC,
    headers.DL_PARTITION,
    headers.DL_OFFSET,
    headers.DL_TIMESTAMP,
    headers.DL_REASON,
    headers.DL_DETAIL,
    headers.DL_CUT,
)

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. Times are milliseconds since 1970 UTC."""

    partition: int
    offset: int
    refused_at: int
    key: bytes | None
    value: bytes | None
    original_headers: Headers
    topic: str
    original_partition: int
    original_offset: int
    received_at: int
    reason: str
    detail: str
    settled: Settled | None = None
    cut: int | None = None
    """Bytes of the record, where only its beginning is kept."""

    @property
    def name(self) -> str:
        """Partition and offset in the dead-letter topic: what commands take."""
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are wanted; None stands for any."""

    names: frozenset[str] = frozenset()
    reason: str | None = None
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    settled_too: bool = False

    def is_narrowed(self) -> bool:
        """Whether only some letters are asked for."""
        return bool(self.names or self.reason or self.topic or self.since or self.until)

    def has(self, letter: Letter) -> bool:
        """Whether the letter is wanted; its time is when it was refused."""
        return (
            (not self.names or letter.name in self.names)
            and (self.reason is None or letter.reason == self.reason)
            and (self.topic is None or letter.topic == self.topic)
            and (self.since is None or letter.refused_at >= self.since.timestamp() * 1000)
            and (self.until is None or letter.refused_at < self.until.timestamp() * 1000)
            and (self.settled_too or letter.settled is None)
        )


def letters(bootstrap: str, wanted: Wanted, newest: int | None = None) -> list[Letter]:
    """The wanted letters, oldest first.

    ``newest``: read only the latest so many records of each partition.
    :class:`~fdt.errors.UserError` for a name that does not exist.
    """
    found: dict[str, Letter] = {}
    settled: dict[str, Settled] = {}
    for message in _messages(bootstrap, newest):
        settles = settlement_of(message)
        if settles is not None:
            offset, how = settles
            settled[f"{message.partition()}:{offset}"] = how
        else:
            letter = letter_of(message)
            found[letter.name] = letter
    if unknown := sorted(wanted.names - found.keys()):
        raise UserError(
            f"There is no dead letter {', '.join(unknown)}: "
            "'fdt dead-letters list --all' names them."
        )
    marked = [replace(letter, settled=settled.get(name)) for name, letter in found.items()]
    chosen = [letter for letter in marked if wanted.has(letter)]
    return sorted(chosen, key=lambda letter: (letter.refused_at, letter.partition, letter.offset))


def resend(bootstrap: str, chosen: Sequence[Letter], told: Callable[[int], None]) -> None:
    """Send letters again, each with its original place, then settle them.

    ``told`` is called with their number. A letter that was sent before the command was interrupted
    stays open; sending it once more changes nothing, because its place is the same.
    :class:`~fdt.errors.UserError` for a letter of which only the beginning is kept.
    """
    if parts := [letter.name for letter in chosen if letter.cut]:
        raise UserError(
            f"{', '.join(parts)}: the record was too large for a dead letter, and only its "
            "beginning is kept. Let its source publish it again, and drop the letter."
        )
    sender = Sender(bootstrap)
    partitions = _partitions(bootstrap)
    for letter in chosen:
        number = letter.original_partition
        place = resent(letter.topic, number, letter.original_offset, letter.received_at)
        sender.send(
            letter.topic,
            letter.value,
            letter.key,
            home_of(letter.key, partitions, number),
            [*letter.original_headers, *place.items()],
        )
    sender.finish()
    settle(bootstrap, chosen, "resent", told)


def settle(
    bootstrap: str, chosen: Sequence[Letter], how: Settled, told: Callable[[int], None]
) -> None:
    """Mark letters as settled."""
    sender = Sender(bootstrap)
    for done, letter in enumerate(chosen, 1):
        marks = [
            (headers.DL_SETTLED, how.encode()),
            (headers.DL_LETTER, str(letter.offset).encode()),
        ]
        sender.send(DEAD_LETTERS, None, letter.key, letter.partition, marks)
        told(done)
    sender.finish()


def _partitions(bootstrap: str) -> int:
    """The number of partitions that counts: the status topic's, by which rows are placed."""
    there = kafka.admin_client(bootstrap).list_topics(timeout=ANSWER_S).topics
    if STATUS not in there:
        raise UserError(f"{STATUS} is missing: run 'fdt topics' first.")
    return len(there[STATUS].partitions)


def settlement_of(message: Message) -> tuple[int, Settled] | None:
    """The offset of the letter that a record settles, and how; none if it is a letter."""
    told = dict(message.headers() or [])
    if headers.DL_SETTLED not in told:
        return None
    how: Settled = "resent" if _text(told[headers.DL_SETTLED]) == "resent" else "dropped"
    return int(_text(told[headers.DL_LETTER])), how


def letter_of(message: Message) -> Letter:
    """The letter in a record; :class:`~fdt.errors.RunFailed` if it is none."""
    listed: list[tuple[str, bytes | None]] = list(message.headers() or [])  # type: ignore[arg-type]
    told = dict(listed)
    try:
        topic = _text(told[headers.DL_TOPIC])
        if topic not in TOPIC_SOURCES:
            raise ValueError(f"its topic is {topic}")
        return Letter(
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            refused_at=message.timestamp()[1],
            key=message.key(),
            value=message.value(),
            original_headers=tuple(
                (name, value) for name, value in listed if name not in _LETTER_HEADERS
            ),
            topic=topic,
            original_partition=int(_text(told[headers.DL_PARTITION])),
            original_offset=int(_text(told[headers.DL_OFFSET])),
            received_at=int(_text(told[headers.DL_TIMESTAMP])),
            reason=_text(told[headers.DL_REASON]),
            detail=_text(told[headers.DL_DETAIL]),
            cut=int(_text(told[headers.DL_CUT])) if headers.DL_CUT in told else None,
        )
    except (KeyError, ValueError) as error:
        raise RunFailed(
            f"The record {message.partition()}:{message.offset()} of {DEAD_LETTERS} is no dead "
            f"letter ({error}): something else writes to that topic."
        ) from error


def _later(consumer: Consumer, place: TopicPartition, newest: int) -> TopicPartition:
    first, end = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
    return TopicPartition(place.topic, place.partition, max(first, end - newest))


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def _messages(bootstrap: str, newest: int | None) -> Iterator[Message]:
    """Every committed record of the dead-letter topic, or the ``newest``, to the ends at the
    call."""
    consumer = kafka.consumer(bootstrap, "dead-letters", kafka.COMMITTED)
    try:
        topic = consumer.list_topics(DEAD_LETTERS, timeout=ANSWER_S).topics[DEAD_LETTERS]
        if topic.error is not None:
            raise UserError(f"{DEAD_LETTERS}: {topic.error.str()}: run 'fdt topics' first.")
        places = [TopicPartition(DEAD_LETTERS, number, 0) for number in topic.partitions]
        if newest is not None:
            places = [_later(consumer, place, newest) for place in places]
        for message in to_the_end(consumer, places, _IDLE_S):
            if message.error() is None:
                yield message
    except NothingCame as error:
        raise UserError(
            f"{bootstrap} does not say where {DEAD_LETTERS} ends. {error} Look at the brokers, "
            "then run the command again."
        ) from error
    except KafkaException as error:
        raise no_broker(bootstrap, error.args[0].str()) from error
    finally:
        consumer.close()
