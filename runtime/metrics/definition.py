"""Defines metrics once, as data, for the programs that export them and for docs/metrics.md.

Names follow Prometheus' rules (base units, ``_total`` for what only grows), and a label has few
values, none of which names a device, a request or a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Family = GaugeMetricFamily | CounterMetricFamily
UNKNOWN: Final = float("nan")
"""The value of what is not known now: 0 would be wrong."""

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets for what usually takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``text`` is its help."""

    kind: Literal["gauge", "counter", "histogram"]
    name: str
    text: str
    labels: tuple[str, ...] = ()

    def family(self, values: Mapping[tuple[str, ...], float]) -> Family:
        """The metric as it is now: values of the labels -> value."""
        made = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = made(self.name, self.text, labels=self.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family

    def of(self, value: float) -> Family:
        """The same of a metric without labels."""
        return self.family({(): value})

    def counter(self, registry: CollectorRegistry | None) -> Counter:
        """A counter that is counted up as things happen; ``None`` registers it nowhere."""
        return Counter(self.name, self.text, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry | None) -> Gauge:
        """A gauge that is set as things happen; ``None`` registers it nowhere."""
        return Gauge(self.name, self.text, self.labels, registry=registry)

    def histogram(
        self, registry: CollectorRegistry | None, buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        """A histogram; ``None`` registers it nowhere."""
        return Histogram(self.name, self.text, self.labels, buckets=buckets, registry=registry)


def gauge(name: str, text: str, *labels: str) -> Metric:
    """What goes up and down."""
    return Metric("gauge", name, text, labels)


def counter(name: str, text: str, *labels: str) -> Metric:
    """What only grows; its name ends in ``_total``."""
    return Metric("counter", name, text, labels)


def histogram(name: str, text: str, *labels: str) -> Metric:
    """How often something took how much: exported as ``_bucket``, ``_sum`` and ``_count``."""
    return Metric("histogram", name, text, labels)


def new_registry() -> CollectorRegistry:
    """A registry of one program, without the ``_created`` series, which would double their
    number."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return CollectorRegistry()
