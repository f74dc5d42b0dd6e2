"""The topics as the broker holds them, against what is wanted: at the start, and all the time.

``fdt topics``, the worker and the read side ask here. A topic that is not as it was, or not as it
must be, is said in the log, in readiness and as a metric (I14).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    ConfigResource,
    TopicMetadata,
)

from runtime.health import Health
from runtime.threads import watched
from schemas.topics import DEAD_LETTERS, SOURCE_TOPICS, STATUS, TopicSpec

logger = logging.getLogger(__name__)

ANSWER_S: Final = 10.0
LOOK_EVERY_S: Final = 4.0
"""Two requests to the broker each time: its metadata, and the settings of seven topics."""
PART: Final = "topics"
MENDED_GROUP: Final = "fdt-topics-mended"
"""Its committed offsets say how far the records beyond the partition count were put right."""

MISSING: Final = "topic"
PARTITIONS: Final = "partitions"
RELIED_ON: Final = ("cleanup.policy", "message.timestamp.type")
"""With another policy the broker deletes rows that are held, or compacts events away; with another
clock the received time is the publisher's."""

_KEYED: Final = (*SOURCE_TOPICS.values(), STATUS, DEAD_LETTERS)
"""Topics in which a device has the same partition number."""


class BrokerSilent(ConnectionError):
    """The broker did not say what its topics are like."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of an existing topic that is not as it should be."""

    topic: str
    setting: str
    expected: str
    actual: str

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
        raise BrokerSilent(str(error.args[0].str())) from error
    return topics


def differences(
    admin: AdminClient, there: Described, specs: Sequence[TopicSpec]
) -> list[Difference]:
    """What of the topics is not as specified; a missing topic differs too. :class:`BrokerSilent`"""
    configs = _configs(admin, [spec.name for spec in specs if spec.name in there])
    found: list[Difference] = []
    for spec in specs:
        if spec.name not in there:
            found.append(Difference(spec.name, MISSING, "exists", "missing"))
        else:
            found += _compared(spec, _actual(there[spec.name], configs[spec.name]))
    return found


class TopicsWatch:
    """Compares the topics again and again, in a thread of its own, and says what it finds.

    The number of partitions that counts is the status topic's when it was first seen: rows stand by
    it. ``on_end`` is called if the thread cannot go on.
    """

    def __init__(
        self,
        bootstrap: str,
        specs: Sequence[TopicSpec],
        health: Health,
        on_end: Callable[[BaseException], None],
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._bootstrap = bootstrap
        self._specs = list(specs)
        self._health = health
        self._every_s = every_s
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._partitions: int | None = None
        self._told: list[Difference] = []
        self._stopping = threading.Event()
        self._thread = watched("topics", self._run, stopping=self._stopping.is_set, on_end=on_end)
        self.unread: dict[str, int] = dict.fromkeys(SOURCE_TOPICS.values(), 0)
        """Source topic -> partitions that nobody reads."""
        self.unfit: str | None = None
        """Why nothing may be folded now, if so."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Compare once; while the broker is away what was found last stays."""
        try:
            there = described(self._admin)
            self._partitions = self._partitions or _count(there, STATUS)
            found = self._without_mended(differences(self._admin, there, self._wanted()))
        except BrokerSilent as error:
            logger.info("the topics cannot be looked at: %s", error)
            return
        self._tell(found)

    def look_now(self) -> str | None:
        """Compare once; why nothing may be folded, if so."""
        self.look()
        return self.unfit

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self.look()

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
            if difference not in self._told and not _is_serious(difference):
                logger.warning("%s", difference)
        self._told = found
        self.unread = _unread(found)
        stops = [difference for difference in found if _stops_folding(difference)]
        self.unfit = _sentence(stops) if stops else None
        serious = [difference for difference in found if _is_serious(difference)]
        if serious:
            self._health.trouble(PART, _sentence(serious))
        else:
            self._health.well(PART)

    def _without_mended(self, found: list[Difference]) -> list[Difference]:
        """Without topics that have more partitions, where all that stood there was put right."""
        return [d for d in found if not (_is_grown(d) and self._is_mended(d))]

    def _is_mended(self, grown: Difference) -> bool:
        extra = [
            TopicPartition(grown.topic, number)
            for number in range(int(grown.expected), int(grown.actual))
        ]
        try:
            return not waiting(self._bootstrap, extra)
        except KafkaException as error:
            raise BrokerSilent(str(error.args[0].str())) from error


def waiting(bootstrap: str, places: Sequence[TopicPartition]) -> list[TopicPartition]:
    """Those of ``places`` that hold records that were not put right, each at the offset from which
    on; raises ``KafkaException``."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": MENDED_GROUP,
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        found = []
        for place in consumer.committed(list(places), timeout=ANSWER_S):
            first, end = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
            reached = max(first, place.offset)
            if reached < end:
                found.append(TopicPartition(place.topic, place.partition, reached))
        return found
    finally:
        consumer.close()


def _is_grown(difference: Difference) -> bool:
    return (
        difference.topic in SOURCE_TOPICS.values()
        and difference.setting == PARTITIONS
        and int(difference.actual) > int(difference.expected)
    )


def _unread(found: Sequence[Difference]) -> dict[str, int]:
    unread = dict.fromkeys(SOURCE_TOPICS.values(), 0)
    for difference in filter(_is_grown, found):
        unread[difference.topic] = int(difference.actual) - int(difference.expected)
    return unread


def _is_serious(difference: Difference) -> bool:
    """Whether records are lost, or read by nobody, while it is so."""
    return difference.setting in (*RELIED_ON, MISSING) or _stops_folding(difference)


def _stops_folding(difference: Difference) -> bool:
    """Whether a device would be in two partitions, or have times that are not the broker's."""
    if difference.topic not in _KEYED:
        return False
    return difference.setting in (PARTITIONS, MISSING, "message.timestamp.type")


def _sentence(found: Sequence[Difference]) -> str:
    told = "; ".join(map(str, found))
    if any(map(_is_grown, found)):
        return (
            f"{told}. Nobody reads the partitions beyond: have publishers use the number that it "
            "should be, then run 'fdt topics --mend'"
        )
    return f"{told}. Set it back with the broker's own tools, or make it anew with 'fdt topics'"


def _count(there: Described, topic: str) -> int | None:
    return len(there[topic].partitions) if topic in there else None


def _compared(spec: TopicSpec, actual: Mapping[str, str]) -> list[Difference]:
    expected = {
        PARTITIONS: str(spec.partitions),
        "replication": str(spec.replication),
        **spec.config,
    }
    return [
        Difference(spec.name, setting, value, actual.get(setting, ""))
        for setting, value in expected.items()
        if actual.get(setting) != value
    ]


def _actual(metadata: TopicMetadata, config: Mapping[str, str]) -> dict[str, str]:
    replicas = {len(partition.replicas) for partition in metadata.partitions.values()}
    return {
        PARTITIONS: str(len(metadata.partitions)),
        "replication": "/".join(map(str, sorted(replicas))),
        **config,
    }


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Topic -> setting -> value in force, defaults of the broker included."""
    if not names:
        return {}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    configs = {}
    for resource, future in admin.describe_configs(asked, request_timeout=ANSWER_S).items():
        try:
            entries = future.result(ANSWER_S + 1)
        except (KafkaException, TimeoutError) as error:
            raise BrokerSilent(f"the settings of {resource.name} are not told: {error}") from error
        configs[resource.name] = {name: entry.value for name, entry in entries.items()}
    return configs
