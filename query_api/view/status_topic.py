"""Metadata of the status topic from the broker: topic ID, offsets, and outages.

:class:`KafkaStatusLog` asks and waits, before the feed begins; :class:`Watch` asks while it runs,
without blocking it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    OffsetSpec,
)

from query_api.view.folder import LogFacts
from runtime import broker, kafka
from runtime.threads import Explained
from schemas.topics import SOURCE_TOPICS, STATUS

logger = logging.getLogger(__name__)

CLIENT_LOG_LEVEL: Final = 2
"""Level of librdkafka's own log: relevant errors are returned to us, and logged once."""
ENDS_EVERY_S: Final = 1.0
EVENTS_EVERY_S: Final = 5.0
TOPIC_EVERY_S: Final = 15.0

_EARLIEST: Final[OffsetSpec] = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST: Final[OffsetSpec] = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_NEWEST: Final[OffsetSpec] = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]

_OUTAGES: Final = frozenset(
    {
        # The password is being replaced, or is wrong: the error of the connection says so.
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._RESOLVE,
        KafkaError._NOENT,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.LISTENER_NOT_FOUND,
        KafkaError.NOT_CONTROLLER,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
    }
)
"""Errors that are waited for: those of our requests that the Kafka protocol calls retriable, and
those of the client for a broker that it does not reach."""


_REFUSED: Final = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


class BrokerAway(ConnectionError):
    """The broker did not answer; the caller waits and asks again."""


class TopicMissing(BrokerAway):
    """The broker has no such topic (yet)."""


class NotAllowed(Explained):
    """The user lacks the right to read the topic; an operator has to grant it."""


class TopicChanged(Explained):
    """The topic is not, or may not be, the one that the view was made from: a restart is needed."""


def is_outage(error: KafkaError) -> bool:
    """Whether an error of the Kafka client is to be waited for."""
    return error.code() in _OUTAGES or error.retriable()


def is_refusal(error: KafkaError) -> bool:
    """Whether an error means that the user lacks a right."""
    return error.code() in _REFUSED


class KafkaStatusLog:
    """Requests metadata of the status topic from the broker at ``bootstrap``."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = kafka.admin_client(bootstrap, {"log_level": CLIENT_LOG_LEVEL})

    def facts(self) -> LogFacts:
        """Topic ID and offsets now.

        Raises :class:`BrokerAway` (or :class:`TopicMissing`) if waiting may help, and
        ``KafkaException`` otherwise, for example for missing rights.
        """
        topic_id, partitions = self._described()
        places = [TopicPartition(STATUS, number) for number in range(partitions)]
        newest = self._newest(STATUS, partitions)
        events = [self._newest(topic, partitions) for topic in SOURCE_TOPICS.values()]
        return LogFacts(
            topic_id=topic_id,
            first={n: info.offset for n, info in self._offsets(places, _EARLIEST).items()},
            end={n: info.offset for n, info in self._offsets(places, _LATEST).items()},
            newest=newest,
            broker_ms=max((ms for found in (newest, *events) for ms in found.values()), default=0),
            tombstones_kept_ms=self._tombstones_kept_ms(),
        )

    def watch(self, facts: LogFacts) -> Watch:
        """A watch on the topic of ``facts``."""
        return Watch(self._admin, facts)

    def _described(self) -> tuple[str, int]:
        found = self._answer(broker.topics(self._admin, [STATUS])[STATUS])
        return str(found.topic_id), len(found.partitions)

    def _newest(self, topic: str, partitions: int) -> dict[int, int]:
        """Partition -> log-append time of its newest record; empty partitions are left out."""
        places = [TopicPartition(topic, number) for number in range(partitions)]
        found = self._offsets(places, _NEWEST)
        return {number: info.timestamp for number, info in found.items() if info.timestamp >= 0}

    def _offsets(self, places: list[TopicPartition], spec: OffsetSpec) -> dict[int, Any]:
        asked = broker.offsets(self._admin, places, spec, committed=True)
        return {place.partition: self._answer(future) for place, future in asked.items()}

    def _tombstones_kept_ms(self) -> int:
        found = self._answer(broker.settings(self._admin, [STATUS])[STATUS])
        return broker.tombstones_kept_ms(found)

    def _answer(self, future: Future[Any]) -> Any:
        try:
            return future.result(broker.ANSWER_S + 1)
        except TimeoutError as error:
            told = f"{self._bootstrap} did not answer in {broker.ANSWER_S:g} s"
            raise BrokerAway(told) from error
        except KafkaException as error:
            raise _translated(error, self._bootstrap, self._admin) from error


class Watch:
    """Polls end offsets and topic ID, without blocking."""

    def __init__(self, admin: AdminClient, facts: LogFacts) -> None:
        self._admin = admin
        self._facts = facts
        self._places = [TopicPartition(STATUS, number) for number in facts.end]
        self._ends: dict[int, Future[Any]] = {}
        self._topic: Future[Any] | None = None
        self._events: dict[tuple[str, int], Future[Any]] = {}
        self._ask_events_at = 0.0
        self._ask_ends_at = self._ask_topic_at = self._answered_at = time.monotonic()

    def poll(self) -> dict[int, int] | None:
        """New end offsets by partition number, if an answer arrived since the last call.

        Raises :class:`BrokerAway` once for each request that failed, and :class:`TopicChanged` if
        the topic was deleted, created again or given another number of partitions, or if the broker
        was away for so long that tombstones may have been written and deleted meanwhile.
        """
        now = time.monotonic()
        self._ask(now)
        if self._topic is not None and self._topic.done():
            topic, self._topic = self._topic, None
            self._check_topic(topic)
        if self._ends and all(future.done() for future in self._ends.values()):
            ends, self._ends = self._ends, {}
            found = {number: _result(future).offset for number, future in ends.items()}
            self._check_silence(now)
            return found
        return None

    def event_ends(self) -> dict[tuple[str, int], int] | None:
        """New end offsets of the event topics by (topic, partition), if an answer arrived.

        :meth:`poll` reports an outage, :class:`~runtime.topics.TopicsWatch` a missing topic.
        """
        if not self._events or not all(future.done() for future in self._events.values()):
            return None
        events, self._events = self._events, {}
        try:
            return {place: _result(future).offset for place, future in events.items()}
        except BrokerAway:
            return None

    def _ask_events(self) -> None:
        """One request for all event topics, for the number of events that wait to be folded."""
        places = [
            TopicPartition(topic, place.partition)
            for topic in SOURCE_TOPICS.values()
            for place in self._places
        ]
        asked = broker.offsets(self._admin, places, _LATEST, committed=True)
        self._events = {(place.topic, place.partition): future for place, future in asked.items()}

    def _ask(self, now: float) -> None:
        if not self._ends and now >= self._ask_ends_at:
            self._ask_ends_at = now + ENDS_EVERY_S
            asked = broker.offsets(self._admin, self._places, _LATEST, committed=True)
            self._ends = {place.partition: future for place, future in asked.items()}
        if not self._events and now >= self._ask_events_at:
            self._ask_events_at = now + EVENTS_EVERY_S
            self._ask_events()
        if self._topic is None and now >= self._ask_topic_at:
            self._ask_topic_at = now + TOPIC_EVERY_S
            self._topic = broker.topics(self._admin, [STATUS])[STATUS]

    def _check_silence(self, now: float) -> None:
        silent_ms, self._answered_at = (now - self._answered_at) * 1000, now
        if silent_ms >= self._facts.tombstones_kept_ms:
            raise TopicChanged(
                f"The broker was away for {silent_ms / 1000:.0f} s, and {STATUS} keeps tombstones "
                "no longer than that: start again, and the view is rebuilt where needed."
            )

    def _check_topic(self, described: Future[Any]) -> None:
        try:
            found = _result(described)
        except TopicMissing as error:
            raise TopicChanged(f"{STATUS} was deleted while it was being read.") from error
        meta = self._facts.meta
        if (str(found.topic_id), len(found.partitions)) != (meta.topic_id, meta.partitions):
            raise TopicChanged(
                f"{STATUS} is another topic now (id {found.topic_id}, {len(found.partitions)} "
                f"partitions; was {meta.topic_id}, {meta.partitions})."
            )


def start_offsets(next_offsets: Mapping[int, int], facts: LogFacts) -> dict[int, int]:
    """First offset to read of each partition: that of the view, or the first in the log."""
    return {number: max(next_offsets[number], first) for number, first in facts.first.items()}


def _result(future: Future[Any]) -> Any:
    try:
        return future.result(0)
    except KafkaException as error:
        raise _translated(error, "the broker") from error


def _translated(error: KafkaException, whom: str, client: AdminClient | None = None) -> Exception:
    """``error`` as one of this module's; ``client`` knows the last error of the connection."""
    told: KafkaError = error.args[0]
    if told.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return TopicMissing(f"{whom} has no topic {STATUS} yet: create it with 'fdt topics'")
    if is_outage(told):
        why = None if client is None else kafka.complaint(client)
        return BrokerAway(f"{whom} does not answer: {why or told.str()}")
    if is_refusal(told):
        return NotAllowed(not_allowed(f"{whom} does not let us read {STATUS}", told))
    return error


def not_allowed(told: str, error: KafkaError) -> str:
    """The sentence for a missing right on a topic or group, with the remedy."""
    return (
        f"{told} ({error.str()}): give our user what 'fdt topics --acls' lists for the read side, "
        "or name the right user in FDT_KAFKA_USER"
    )
