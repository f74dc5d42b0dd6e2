"""Finds where every partition of some topics begins and ends now; analysts' commands begin with it.

One cut is taken before anything is read, so that all that a command says is of one moment although
everything runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    OffsetSpec,
)

from fdt.errors import UserError
from runtime import broker, kafka


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one partition, ``end`` excluded."""

    topic: str
    partition: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Its offsets; there are at most so many records."""
        return max(0, self.end - self.start)

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.topic}[{self.partition}]"


@dataclass(frozen=True, slots=True)
class Cut:
    """Some topics at one moment."""

    ids: dict[str, str]
    """Topic -> the broker's id of it: a topic that was made anew has another."""
    spans: tuple[Span, ...]
    """Committed offsets of every partition, by topic and number."""

    def of(self, topic: str) -> list[Span]:
        """The partitions of one topic, in order."""
        return [span for span in self.spans if span.topic == topic]


def cut(bootstrap: str, topics: Sequence[str]) -> Cut:
    """The topics now; :class:`~fdt.errors.UserError` if one is missing or no broker answers."""
    admin = kafka.admin_client(bootstrap)
    found = _answers(lambda: broker.topics(admin, topics), bootstrap)
    places = [
        TopicPartition(name, partition.id)
        for name in topics
        for partition in sorted(found[name].partitions, key=lambda one: one.id)
    ]
    firsts = _offsets(admin, places, OffsetSpec.earliest(), bootstrap)  # type: ignore[no-untyped-call]
    ends = _offsets(admin, places, OffsetSpec.latest(), bootstrap)  # type: ignore[no-untyped-call]
    spans = [
        Span(place.topic, place.partition, firsts[place], max(firsts[place], ends[place]))
        for place in places
    ]
    return Cut({name: str(found[name].topic_id) for name in topics}, tuple(spans))


def offsets_at(bootstrap: str, spans: Sequence[Span], time_ms: int) -> dict[Span, int]:
    """The first offset of each span that was received at a time or later; its end if none was."""
    admin = kafka.admin_client(bootstrap)
    places = {TopicPartition(span.topic, span.partition): span for span in spans}
    spec = OffsetSpec.for_timestamp(time_ms)
    found = _offsets(admin, list(places), spec, bootstrap)
    return {
        span: span.end if found[place] < 0 else min(max(found[place], span.start), span.end)
        for place, span in places.items()
    }


def _offsets(
    admin: AdminClient, places: Sequence[TopicPartition], spec: OffsetSpec, bootstrap: str
) -> dict[TopicPartition, int]:
    found = _answers(lambda: broker.offsets(admin, places, spec, committed=True), bootstrap)
    by_place = {(place.topic, place.partition): each.offset for place, each in found.items()}
    return {place: by_place[place.topic, place.partition] for place in places}


def _answers(ask: Callable[[], dict[Any, Any]], bootstrap: str) -> dict[Any, Any]:
    """What the brokers answer."""
    try:
        return broker.once_led(lambda: {name: asked.result() for name, asked in ask().items()})
    except KafkaException as error:
        raise _refusal(error, bootstrap) from error


def _refusal(error: KafkaException, bootstrap: str) -> UserError:
    found: KafkaError = error.args[0]
    if found.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return UserError(
            f"A topic is missing at {bootstrap} ({found.str()}): run 'fdt topics' first."
        )
    return UserError(
        f"No answer about the topics from {bootstrap} ({found.str()}): start the broker, or "
        "correct KAFKA_BOOTSTRAP_SERVERS."
    )
