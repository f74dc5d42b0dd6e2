"""What the parts of a program say of themselves, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from runtime.health import Health
from runtime.topics import TopicsWatch

DISTRIBUTION: Final = "firmware-distribution-tracking"


def build_info() -> GaugeMetricFamily:
    """1, with the version of this program."""
    build = GaugeMetricFamily(
        "fdt_build_info", "Always 1; the label is the program's version.", labels=["version"]
    )
    build.add_metric([version(DISTRIBUTION)], 1.0)
    return build


class PartsCollector(Collector):
    """A gauge for each part that is, or was, in trouble."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """``fdt_part_working``: 1 or 0; and ``fdt_build_info``, which version says so."""
        yield build_info()
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
