"""What the parts of a program say of themselves, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from runtime.health import Health
from runtime.topics import TopicsWatch


class PartsCollector(Collector):
    """A gauge for each part that is, or was, in trouble."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """``fdt_part_working``: 1 or 0."""
        working = GaugeMetricFamily(
            "fdt_part_working", "1 while a part of the program works.", labels=["part"]
        )
        troubles = self._health.troubles()
        for part in self._health.parts():
            working.add_metric([part], float(part not in troubles))
        yield working


class UnreadCollector(Collector):
    """Partitions that nobody reads, by source topic."""

    def __init__(self, topics: TopicsWatch) -> None:
        self._topics = topics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """``fdt_unread_partitions``."""
        unread = GaugeMetricFamily(
            "fdt_unread_partitions",
            "Partitions of a source topic that nobody reads, because other topics have fewer.",
            labels=["topic"],
        )
        for topic, count in sorted(self._topics.unread.items()):
            unread.add_metric([topic], count)
        yield unread
