"""What the broker says of the topics: ids, partition counts, first and last offsets.

A broker that does not answer is an outage (:class:`LogUnavailable`), to be waited
for; a topic that is not there is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import (
    Consumer,
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

from processor.partition.ledger import SourceLog
from processor.partition.partition import TopicsDiffer
from processor.partition.status_log import LogUnavailable
from runtime.topics import GROWN_STATUS, BrokerSilent
from schemas.topics import SOURCE_TOPICS, STATUS

ANSWER_S: Final = 10.0
UNREAD_S: Final = 10.0

_KEYED: Final = (*SOURCE_TOPICS.values(), STATUS)


class TopicsUnfit(RuntimeError):
    """The topics cannot be worked with; the message says how to mend that."""


class KafkaTopics:
    """The topics that are keyed by device, on a real broker."""

    def __init__(self, bootstrap: str, unfit: Callable[[], str | None] = lambda: None) -> None:
        """``unfit`` looks at the topics and says why nothing may be folded, if so."""
        self._bootstrap = bootstrap
        self._unfit = unfit
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})

    def ids(self) -> dict[str, str]:
        """The broker's id of each topic: one that was deleted and created again has another."""
        return {name: str(found.topic_id) for name, found in self._described().items()}

    def partitions(self) -> int:
        """The status topic's partition count, by which rows stand; :class:`TopicsUnfit` if a source
        topic has fewer. One that has more is for whoever watches the topics."""
        counts = {name: len(found.partitions) for name, found in self._described().items()}
        if min(counts.values()) < counts[STATUS]:
            raise TopicsUnfit(
                f"{STATUS} has more partitions than an event topic ({counts}): rows would stand "
                f"where no event of theirs is. If it has grown: {GROWN_STATUS}. Else give the "
                "event topic as many with the broker's own tools."
            )
        return counts[STATUS]

    def require_fit(self) -> None:
        """:class:`TopicsDiffer` if the topics are not fit, looked at anew."""
        try:
            why = self._unfit()
        except BrokerSilent as error:
            raise LogUnavailable(f"{self._bootstrap} does not tell its topics: {error}") from error
        if why is not None:
            raise TopicsDiffer(why)

    def sources(self, number: int) -> dict[str, SourceLog]:
        """Every source topic in a partition number, as it is now."""
        ids = self.ids()
        topics = list(SOURCE_TOPICS.values())
        firsts = self._offsets(topics, number, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(topics, number, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {topic: SourceLog(ids[topic], firsts[topic], ends[topic]) for topic in topics}

    def tombstones_kept_ms(self) -> int:
        """The status topic's ``delete.retention.ms``, as it is in force."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, STATUS)
        futures = self._admin.describe_configs([resource], request_timeout=ANSWER_S)
        return int(self._answers(futures)[resource]["delete.retention.ms"].value)

    def unread(self, positions: Mapping[tuple[str, int], int]) -> str | None:
        """A record at or after the position of its partition, if there is one.

        Offsets alone cannot tell: transaction markers take offsets and are never read.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "watchdog",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "log_level": 2,
            }
        )
        try:
            consumer.assign([TopicPartition(t, n, offset) for (t, n), offset in positions.items()])
            return self._first_unread(consumer, len(positions))
        finally:
            consumer.close()

    def _first_unread(self, consumer: Consumer, partitions: int) -> str | None:
        ended: set[tuple[str | None, int | None]] = set()
        deadline = time.monotonic() + UNREAD_S
        while len(ended) < partitions:
            message = consumer.poll(0.2)
            if message is None:
                if time.monotonic() > deadline:
                    raise LogUnavailable(f"{self._bootstrap} tells no end of the source topics")
            elif (error := message.error()) is None:
                return f"{message.topic()}[{message.partition()}] at offset {message.offset()}"
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add((message.topic(), message.partition()))
            else:
                raise LogUnavailable(f"{self._bootstrap}: {error.str()}")
        return None

    def _offsets(self, topics: Sequence[str], number: int, spec: OffsetSpec) -> dict[str, int]:
        asked = {TopicPartition(topic, number): spec for topic in topics}
        futures = self._admin.list_offsets(
            asked,
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=ANSWER_S,
        )
        return {tp.topic: found.offset for tp, found in self._answers(futures).items()}

    def _described(self) -> dict[str, Any]:
        asked = TopicCollection(list(_KEYED))
        return self._answers(self._admin.describe_topics(asked, request_timeout=ANSWER_S))

    def _answers(self, futures: Mapping[Any, Any]) -> dict[Any, Any]:
        try:
            return {name: future.result() for name, future in futures.items()}
        except KafkaException as error:
            found: KafkaError = error.args[0]
            if found.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise TopicsUnfit(
                    f"A topic is missing at {self._bootstrap} ({found.str()}): "
                    "run 'fdt topics' first."
                ) from error
            raise LogUnavailable(
                f"No answer about the topics from {self._bootstrap}: {found.str()}"
            ) from error
