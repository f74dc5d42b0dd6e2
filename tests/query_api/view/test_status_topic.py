"""Questions beside the feed: new ends, outages told once, and a topic that is another one now."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from query_api.view.folder import LogFacts
from query_api.view.status_topic import (
    BrokerAway,
    NotAllowed,
    TopicChanged,
    Watch,
    is_outage,
    start_offsets,
)
from schemas.topics import SOURCE_TOPICS, STATUS

FACTS = LogFacts(
    "id-1", first={0: 5, 1: 0}, end={0: 9, 1: 0}, newest={}, broker_ms=0, tombstones_kept_ms=60_000
)


@dataclass
class Described:
    """What the broker says of the topic."""

    topic_id: str
    partitions: list[int]


class Admin:
    """An admin client whose answers come when, and as, a test says."""

    def __init__(self) -> None:
        self.ends: list[Future[Any]] = []
        self.topics: list[Future[Any]] = []
        self.events: list[tuple[TopicPartition, Future[Any]]] = []

    def list_offsets(self, places: dict[TopicPartition, Any], **_: Any) -> dict[Any, Any]:
        """One open question a partition."""
        asked: dict[Any, Any] = {place: Future() for place in places}
        self.ends += [future for place, future in asked.items() if place.topic == STATUS]
        self.events += [(p, future) for p, future in asked.items() if p.topic != STATUS]
        return asked

    def describe_topics(self, *_: Any, **__: Any) -> dict[str, Any]:
        """One open question."""
        self.topics.append(Future())
        return {STATUS: self.topics[-1]}

    def answer_ends(self, *offsets: int) -> None:
        """The broker answers."""
        for future, offset in zip(self.ends[-len(offsets) :], offsets, strict=True):
            future.set_result(TopicPartition(STATUS, 0, offset))

    def refuse_ends(self, code: int) -> None:
        """It says why not."""
        for future in self.ends:
            future.set_exception(failure(code))


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The watch's clock."""
    clock = Clock()
    monkeypatch.setattr("query_api.view.status_topic.time", clock)
    return clock


def watched() -> tuple[Admin, Watch]:
    """A watch over an admin client of the test."""
    admin = Admin()
    return admin, Watch(admin, FACTS)  # type: ignore[arg-type]


def failure(code: int) -> KafkaException:
    """An error as the Kafka client raises it."""
    return KafkaException(KafkaError(code))


def test_ends_are_asked_for_once_a_second_and_never_waited_for(clock: Clock) -> None:
    """One question at a time, whatever the broker takes."""
    admin, watch = watched()
    assert watch.poll() is None
    clock.now += 3
    assert watch.poll() is None
    assert len(admin.ends) == 2
    admin.answer_ends(12, 3)
    assert watch.poll() == {0: 12, 1: 3}
    assert watch.poll() is None
    assert len(admin.ends) == 4, "the next question is due at once"


def test_an_outage_is_told_once_and_asked_again(clock: Clock) -> None:
    """Each failed question raises once; the next one is open already."""
    admin, watch = watched()
    watch.poll()
    admin.refuse_ends(KafkaError._TRANSPORT)
    with pytest.raises(BrokerAway):
        watch.poll()
    clock.now += 1
    assert watch.poll() is None
    admin.answer_ends(12, 3)
    assert watch.poll() == {0: 12, 1: 3}


@pytest.mark.parametrize(
    "answer",
    [
        Described("id-2", [0, 1]),
        Described("id-1", [0, 1, 2]),
        failure(KafkaError.UNKNOWN_TOPIC_OR_PART),
    ],
)
def test_another_topic_of_that_name_is_noticed(clock: Clock, answer: Any) -> None:
    """Created anew, repartitioned, deleted."""
    admin, watch = watched()
    watch.poll()
    if isinstance(answer, Exception):
        admin.topics[0].set_exception(answer)
    else:
        admin.topics[0].set_result(answer)
    with pytest.raises(TopicChanged):
        watch.poll()


def test_the_same_topic_is_no_news(clock: Clock) -> None:
    """Asked again after a while."""
    admin, watch = watched()
    watch.poll()
    admin.topics[0].set_result(Described("id-1", [0, 1]))
    assert watch.poll() is None
    clock.now += 60
    watch.poll()
    assert len(admin.topics) == 2


def test_a_silence_longer_than_tombstones_are_kept_needs_a_new_start(clock: Clock) -> None:
    """What was deleted meanwhile may have left no trace in the log."""
    admin, watch = watched()
    watch.poll()
    clock.now += 60
    admin.answer_ends(12, 3)
    with pytest.raises(TopicChanged, match="away for 60 s"):
        watch.poll()


def test_missing_rights_are_not_an_outage(clock: Clock) -> None:
    """Waiting would not help."""
    admin, watch = watched()
    watch.poll()
    admin.refuse_ends(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(NotAllowed, match="fdt topics --acls"):
        watch.poll()


def test_where_the_events_end_is_asked_for_now_and_then(clock: Clock) -> None:
    """All of them in one question; a topic that is missing is no outage of the broker."""
    admin, watch = watched()
    watch.poll()
    assert watch.event_ends() is None
    assert len(admin.events) == 2 * len(SOURCE_TOPICS)
    for place, future in admin.events:
        future.set_result(TopicPartition(place.topic, place.partition, 9))
    assert watch.event_ends() == {(p.topic, p.partition): 9 for p, _ in admin.events}
    clock.now += 60
    admin.answer_ends(12, 3)
    admin.events.clear()
    with pytest.raises(TopicChanged):
        watch.poll()
    for _, future in admin.events:
        future.set_exception(failure(KafkaError.UNKNOWN_TOPIC_OR_PART))
    assert watch.event_ends() is None


def test_reading_begins_where_the_view_stands_or_at_what_is_kept() -> None:
    """A partition of which nothing was applied may have lost its beginning."""
    assert start_offsets({0: 7, 1: 0}, FACTS) == {0: 7, 1: 0}
    assert start_offsets({0: 0, 1: 0}, FACTS) == {0: 5, 1: 0}


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.LISTENER_NOT_FOUND,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.NOT_CONTROLLER,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
    ],
)
def test_what_a_broker_answers_that_stops_or_moves_is_an_outage(code: int) -> None:
    """Every error that the protocol calls retriable: a broker that was stopped in order ended the
    read side by one of them."""
    assert is_outage(KafkaError(code))


@pytest.mark.parametrize(
    "code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.OFFSET_OUT_OF_RANGE]
)
def test_what_waiting_does_not_mend_is_none(code: int) -> None:
    """Somebody has to do something."""
    assert not is_outage(KafkaError(code))
