"""Metadata of the topics from the broker: IDs, partition counts, first and last offsets.

A broker that does not answer is an outage (:class:`LogUnavailable`), which is waited for; a missing
topic is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import (
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    OffsetSpec,
)

from processor.partition.ledger import SourceLog
from processor.partition.source_topics import TopicsDiffer
from processor.partition.status_log import LogUnavailable
from runtime import broker, kafka
from runtime.reading import NothingCame, to_the_end
from runtime.topics import GROWN_STATUS, BrokerSilent
from schemas.topics import SOURCE_TOPICS, STATUS

UNREAD_S: Final = 10.0

_KEYED: Final = (*SOURCE_TOPICS.values(), STATUS)


class TopicsUnfit(RuntimeError):
    """The topics cannot be used; the message says what to change."""


class KafkaTopics:
    """The topics that are keyed by device, on a real broker."""

    def __init__(self, bootstrap: str, unfit: Callable[[], str | None] = lambda: None) -> None:
        """``unfit`` checks the topics and gives the reason if nothing may be folded."""
        self._bootstrap = bootstrap
        self._unfit = unfit
        self._admin = kafka.admin_client(bootstrap, {"log_level": kafka.CRITICAL})

    def ids(self) -> dict[str, str]:
        """Topic -> the broker's topic ID: a topic that was created again has another."""
        return {name: str(found.topic_id) for name, found in self._described().items()}

    def partitions(self) -> int:
        """The status topic's partition count, by which rows are placed; :class:`TopicsUnfit` if a
        source topic has fewer. The watch on the topics reports one that has more."""
        counts = {name: len(found.partitions) for name, found in self._described().items()}
        if min(counts.values()) < counts[STATUS]:
            raise TopicsUnfit(
                f"{STATUS} has more partitions than an event topic ({counts}): rows would stand "
                f"where no event of theirs is. If it has grown: {GROWN_STATUS}. Else give the "
                "event topic as many with the broker's own tools."
            )
        return counts[STATUS]

    def require_fit(self) -> None:
        """Check the topics now; :class:`TopicsDiffer` if they are not fit."""
        try:
            why = self._unfit()
        except BrokerSilent as error:
            raise LogUnavailable(f"{self._bootstrap} does not tell its topics: {error}") from error
        if why is not None:
            raise TopicsDiffer(why)

    def sources(self, number: int) -> dict[str, SourceLog]:
        """Source topic -> its ID and offsets in a partition number, as they are now."""
        ids = self.ids()
        topics = list(SOURCE_TOPICS.values())
        firsts = self._offsets(topics, number, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(topics, number, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {topic: SourceLog(ids[topic], firsts[topic], ends[topic]) for topic in topics}

    def tombstones_kept_ms(self) -> int:
        """The status topic's ``delete.retention.ms`` in force."""
        found = self._answers(broker.settings(self._admin, [STATUS]))[STATUS]
        return broker.tombstones_kept_ms(found)

    def unread(self, positions: Mapping[tuple[str, int], int]) -> str | None:
        """A record at or after the position of its partition, or ``None``.

        Offsets alone do not show it: transaction markers take offsets and are never read.
        """
        places = [TopicPartition(t, n, offset) for (t, n), offset in positions.items()]
        consumer = kafka.consumer(self._bootstrap, "watchdog", kafka.COMMITTED)
        try:
            for message in to_the_end(consumer, places, UNREAD_S):
                if message.error() is None:
                    return f"{message.topic()}[{message.partition()}] at offset {message.offset()}"
            return None
        except NothingCame as error:
            raise LogUnavailable(f"{self._bootstrap} tells no end of the source topics") from error
        except KafkaException as error:
            raise LogUnavailable(f"{self._bootstrap}: {error.args[0].str()}") from error
        finally:
            consumer.close()

    def _offsets(self, topics: Sequence[str], number: int, spec: OffsetSpec) -> dict[str, int]:
        places = [TopicPartition(topic, number) for topic in topics]
        futures = broker.offsets(self._admin, places, spec, committed=False)
        return {tp.topic: found.offset for tp, found in self._answers(futures).items()}

    def _described(self) -> dict[str, Any]:
        return self._answers(broker.topics(self._admin, _KEYED))

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
            told = kafka.complaint(self._admin) or found.str()
            raise LogUnavailable(
                f"No answer about the topics from {self._bootstrap}: {told}"
            ) from error
