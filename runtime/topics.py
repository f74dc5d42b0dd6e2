"""Compares the broker's topics with their specification, at the start and all the time.

``fdt topics``, the worker and the read side use it. A topic that has changed, or is not as it must
be, is reported in the log, in readiness and as a metric (I14).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    TopicMetadata,
)

from runtime import broker, kafka
from runtime.broker import ANSWER_S
from runtime.health import Health
from runtime.logs.fields import about
from runtime.threads import Repeating
from schemas.topics import DEAD_LETTERS, SOURCE_TOPICS, STATUS, TopicSpec

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 4.0
"""Two requests to the broker each time, 30 a minute: its metadata, and the settings of seven
topics. While a topic has partitions beyond, a few more for each of them."""
RENEW_EVERY_S: Final = 3600.0
"""The broker forgets the offsets of a group that nobody commits to, after seven days by default."""
PART: Final = "topics"
MENDED_GROUP: Final = "fdt-topics-mended"
"""Its committed offsets say how far the records beyond the partition count were put right."""

MISSING: Final = "topic"
PARTITIONS: Final = "partitions"
RECEIVED: Final = "message.timestamp.type"
RETENTION: Final = "retention.ms"
RELIED_ON: Final = ("cleanup.policy", RECEIVED)
"""With another policy the broker deletes rows that are held, or compacts events away; with another
clock the received time is the publisher's."""

_KEYED: Final = (*SOURCE_TOPICS.values(), STATUS)
"""Topics in which a device has the same partition number."""
_WRITTEN_BESIDE: Final = (*_KEYED, DEAD_LETTERS)
"""Topics without which a batch cannot be made durable: a letter goes to its batch's partition
number, so more partitions than that do no harm there."""


GROWN_STATUS: Final = (
    f"Stop the workers, delete {STATUS}, run 'fdt topics' and start them again: they fill it from "
    "their stores"
)


class BrokerSilent(ConnectionError):
    """The broker did not answer about its topics."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of an existing topic that is not as it should be."""

    topic: str
    setting: str
    expected: str
    actual: str
    loses: bool = field(default=False, compare=False)
    """Whether the broker then deletes records that the table still needs."""
    mended: bool = False
    """Whether 'fdt topics --mend' has repaired the records in the extra partitions."""

    @property
    def told(self) -> str:
        """For people who see the topic."""
        return f"{self.setting} is {self.actual}, should be {self.expected}"

    def __str__(self) -> str:
        return f"{self.topic}: {self.told}"


Described = Mapping[str, TopicMetadata]


def described(admin: AdminClient) -> Described:
    """Every topic of the broker; :class:`BrokerSilent`."""
    try:
        topics: Described = admin.list_topics(timeout=ANSWER_S).topics
    except KafkaException as error:
        told = kafka.complaint(admin) or str(error.args[0].str())
        raise BrokerSilent(told) from error
    return topics


def differences(
    admin: AdminClient, there: Described, specs: Sequence[TopicSpec]
) -> list[Difference]:
    """What differs from the specification, with missing topics; :class:`BrokerSilent`."""
    configs = _configs(admin, [spec.name for spec in specs if spec.name in there])
    found: list[Difference] = []
    for spec in specs:
        if spec.name not in there:
            found.append(Difference(spec.name, MISSING, "exists", "missing"))
        else:
            found += _compared(spec, _actual(there[spec.name], configs[spec.name]))
    return found


class TopicsWatch:
    """Compares the topics again and again, in a thread of its own, and reports what it finds.

    The expected number of partitions is the status topic's when it was first seen, because rows are
    placed by it. ``on_end`` is called if the thread cannot go on.
    """

    def __init__(
        self,
        bootstrap: str,
        specs: Sequence[TopicSpec],
        health: Health,
        on_end: Callable[[BaseException], None],
        every_s: float = LOOK_EVERY_S,
        renew_every_s: float = RENEW_EVERY_S,
    ) -> None:
        self._bootstrap = bootstrap
        self._specs = list(specs)
        self._health = health
        self._renew_every_s = renew_every_s
        self._renewed_at: dict[str, float] = {}
        self._looking = threading.Lock()
        self._admin = kafka.admin_client(bootstrap)
        self._partitions: int | None = None
        self._told: list[Difference] = []
        self._thread = Repeating("topics", self.look, every_s, on_end, at_once=True)
        self.unread: dict[str, int] = dict.fromkeys(SOURCE_TOPICS.values(), 0)
        """Source topic -> partitions that nobody reads."""
        self.unfit: str | None = None
        """Why nothing may be folded now, if so."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._thread.stop()

    def look(self) -> None:
        """Compare once; while the broker is away the last result stays."""
        try:
            self.look_now()
        except BrokerSilent as error:
            logger.info("the topics cannot be looked at: %s", error, extra=about(part=PART))

    def look_now(self) -> str | None:
        """Compare once; returns why nothing may be folded, if so. :class:`BrokerSilent`: the last
        result may be outdated."""
        with self._looking:
            there = described(self._admin)
            self._partitions = self._partitions or _count(there, STATUS)
            found = differences(self._admin, there, self._wanted())
            self._tell([self._with_mend(difference) for difference in found])
            return self.unfit

    def _wanted(self) -> list[TopicSpec]:
        """The specifications, with the number of partitions that counts."""
        if self._partitions is None:
            return self._specs
        return [
            replace(spec, partitions=self._partitions) if spec.name in _KEYED else spec
            for spec in self._specs
        ]

    def _tell(self, found: list[Difference]) -> None:
        for difference in found:
            if difference not in self._told and not is_serious(difference):
                logger.warning("%s", difference, extra=about(topic=difference.topic, part=PART))
        self._told = found
        self.unread = _unread(found)
        stops = [difference for difference in found if _stops_folding(difference)]
        self.unfit = _sentence(stops) if stops else None
        serious = [difference for difference in found if is_serious(difference)]
        if serious:
            self._health.trouble(PART, _sentence(serious))
        else:
            self._health.well(PART)

    def _with_mend(self, difference: Difference) -> Difference:
        """Of a topic that has grown, whether all records in the extra partitions were repaired."""
        if not _is_grown(difference):
            return difference
        return replace(difference, mended=self._is_mended(difference))

    def _is_mended(self, grown: Difference) -> bool:
        extra = [
            TopicPartition(grown.topic, number)
            for number in range(int(grown.expected), int(grown.actual))
        ]
        now, last = time.monotonic(), self._renewed_at.get(grown.topic, float("-inf"))
        renew = now - last >= self._renew_every_s
        try:
            left = waiting(self._bootstrap, extra, renew=renew)
        except KafkaException as error:
            raise BrokerSilent(str(error.args[0].str())) from error
        if renew:
            self._renewed_at[grown.topic] = now
        return not left


def waiting(
    bootstrap: str, places: Sequence[TopicPartition], *, renew: bool = False
) -> list[TopicPartition]:
    """Those of ``places`` that 'fdt topics --mend' has not read to the end.

    Each is at the offset to go on from. ``renew``: commit the known offsets once more, or the
    broker forgets them. Raises ``KafkaException``.
    """
    consumer = kafka.consumer(bootstrap, MENDED_GROUP, {"log_level": kafka.SILENT})
    try:
        found = []
        committed = consumer.committed(list(places), timeout=ANSWER_S)
        if renew and (known := [place for place in committed if place.offset >= 0]):
            consumer.commit(offsets=known, asynchronous=False)
        for place in committed:
            first, end = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
            reached = max(first, place.offset)
            if reached < end or place.offset < 0:
                found.append(TopicPartition(place.topic, place.partition, reached))
        return found
    finally:
        consumer.close()


def _is_grown(difference: Difference) -> bool:
    return (
        difference.topic in SOURCE_TOPICS.values()
        and difference.setting == PARTITIONS
        and not difference.mended
        and int(difference.actual) > int(difference.expected)
    )


def _unread(found: Sequence[Difference]) -> dict[str, int]:
    unread = dict.fromkeys(SOURCE_TOPICS.values(), 0)
    for difference in filter(_is_grown, found):
        unread[difference.topic] = int(difference.actual) - int(difference.expected)
    return unread


def is_serious(difference: Difference) -> bool:
    """Whether the difference makes records be lost, or read by nobody."""
    relied_on = difference.setting in (*RELIED_ON, MISSING)
    return relied_on or difference.loses or _stops_folding(difference)


def _stops_folding(difference: Difference) -> bool:
    """Whether a device would be in two partitions, or have times that are not the broker's, or a
    batch could not be written."""
    if difference.setting == MISSING or _is_too_small(difference):
        return difference.topic in _WRITTEN_BESIDE
    keyed = difference.topic in _KEYED and not difference.mended
    return keyed and difference.setting in (PARTITIONS, RECEIVED)


def _is_too_small(difference: Difference) -> bool:
    return difference.setting == PARTITIONS and int(difference.actual) < int(difference.expected)


def _sentence(found: Sequence[Difference]) -> str:
    """The differences, and how to mend each kind."""
    return f"{'; '.join(map(str, found))}. {'. '.join(dict.fromkeys(map(how_to_mend, found)))}"


def how_to_mend(difference: Difference) -> str:
    """How a person mends it."""
    if difference.setting == MISSING:
        return "Run 'fdt topics', which creates what is missing"
    if _is_grown(difference):
        return (
            "Nobody reads the partitions beyond: have publishers use the number that it should be, "
            "then run 'fdt topics --mend'"
        )
    if _is_too_small(difference):
        return "Give it as many partitions with the broker's own tools"
    if difference.setting == PARTITIONS:
        return GROWN_STATUS
    return "Set it back with the broker's own tools"


def _count(there: Described, topic: str) -> int | None:
    return len(there[topic].partitions) if topic in there else None


def _compared(spec: TopicSpec, actual: Mapping[str, str]) -> list[Difference]:
    expected = {
        PARTITIONS: str(spec.partitions),
        "replication": str(spec.replication),
        **spec.config,
    }
    return [
        Difference(spec.name, setting, value, held, _loses(spec, setting, held))
        for setting, value in expected.items()
        if (held := actual.get(setting, "")) != value
    ]


def _loses(spec: TopicSpec, setting: str, actual: str) -> bool:
    """A negative retention has no end."""
    return setting == RETENTION and 0 <= int(actual) < spec.least_retention_ms


def _actual(metadata: TopicMetadata, config: Mapping[str, str]) -> dict[str, str]:
    replicas = {len(partition.replicas) for partition in metadata.partitions.values()}
    return {
        PARTITIONS: str(len(metadata.partitions)),
        "replication": "/".join(map(str, sorted(replicas))),
        **config,
    }


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Topic -> setting -> value in force, defaults of the broker included."""
    configs = {}
    for topic, future in broker.settings(admin, names).items():
        try:
            entries = future.result(ANSWER_S + 1)
        except (KafkaException, TimeoutError) as error:
            raise BrokerSilent(f"the settings of {topic} are not told: {error}") from error
        configs[topic] = {name: entry.value for name, entry in entries.items()}
    return configs
