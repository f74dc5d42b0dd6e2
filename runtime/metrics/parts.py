"""The health of a program's parts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.registry import Collector

from runtime.health import Health
from runtime.metrics.definition import Family, gauge
from runtime.topics import TopicsWatch

WORKING: Final = gauge("fdt_part_working", "1 while a part of the program works.", "part")
UNREAD: Final = gauge(
    "fdt_unread_partitions",
    "Partitions of a source topic that nobody reads, because other topics have fewer.",
    "topic",
)
METRICS: Final = (WORKING, UNREAD)


class PartsCollector(Collector):
    """A gauge for each part that is, or was, in trouble."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Family]:
        """``fdt_part_working``: 1 or 0."""
        troubles = self._health.troubles()
        yield WORKING.family({(p,): float(p not in troubles) for p in self._health.parts()})


class UnreadCollector(Collector):
    """Partitions that nobody reads, by source topic."""

    def __init__(self, topics: TopicsWatch) -> None:
        self._topics = topics

    def collect(self) -> Iterator[Family]:
        """``fdt_unread_partitions``."""
        yield UNREAD.family({(topic,): n for topic, n in sorted(self._topics.unread.items())})
