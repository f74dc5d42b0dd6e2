"""What Prometheus may ask: how much is held, how fresh it is, and how requests are answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from projections.lifecycle import LIFECYCLE
from query_api.queries.reads import Reads
from runtime.health import Health
from runtime.metrics import PartsCollector, UnreadCollector
from runtime.topics import TopicsWatch

_NAN: Final = float("nan")
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds."""


class Metrics:
    """The read side's metrics, in a registry of their own."""

    def __init__(self, reads: Reads, health: Health, topics: TopicsWatch | None) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_ViewCollector(reads))
        self._registry.register(PartsCollector(health))
        if topics is not None:
            self._registry.register(UnreadCollector(topics))
        self._seconds = Histogram(
            "fdt_request_seconds",
            "Time from a request to the end of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._answers = Counter(
            "fdt_answers",
            "Answers by route and HTTP status.",
            ["route", "status"],
            registry=self._registry,
        )

    def of_others(self, heard_at: Callable[[], float | None] | None) -> None:
        """Export up to when other read sides were heard; NaN before, and where there are none."""
        heard = Gauge(
            "fdt_read_sides_heard_timestamp_seconds",
            "Time up to which it is known what other read sides ended; NaN where none share keys.",
            registry=self._registry,
        )
        ask = heard_at or (lambda: None)
        heard.set_function(lambda: _NAN if (at := ask()) is None else at)

    def answered(self, route: str, status: int | None, seconds: float) -> None:
        """Count an answer; no status is one that was broken off before it began."""
        self._seconds.labels(route).observe(seconds)
        self._answers.labels(route, "aborted" if status is None else str(status)).inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _ViewCollector(Collector):
    """Reads the view when it is asked, so that nothing has to be kept in step; NaN is *unknown*."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._progress = reads.progress

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Items by status, lag, readiness and freshness."""
        lag = self._progress.lag()
        yield _gauge(
            "fdt_ready", "1 once the view has caught up.", float(self._progress.view is not None)
        )
        yield _gauge(
            "fdt_lag_events",
            "Offsets of the status topic not applied yet; NaN while the broker does not answer.",
            _NAN if lag is None else lag,
        )
        yield self._items()
        yield from self._freshness()

    def _items(self) -> GaugeMetricFamily:
        view = self._progress.view
        totals = None if view is None else view.totals()
        items = GaugeMetricFamily(
            "fdt_items", "Items held, by Processing Status.", labels=["status"]
        )
        for row in LIFECYCLE:
            items.add_metric([row.label], _NAN if totals is None else totals.get(row.status, 0))
        return items

    def _freshness(self) -> Iterator[GaugeMetricFamily]:
        if self._progress.view is None:
            return
        fresh = self._reads.freshness()
        yield _gauge(
            "fdt_as_of_timestamp_seconds",
            "Time up to which the view shows everything.",
            _NAN if fresh.as_of is None else fresh.as_of / 1000,
        )
        yield _gauge(
            "fdt_waiting_events",
            "Events that the processor has not folded yet, at most; NaN while unknown.",
            _NAN if fresh.waiting_events is None else fresh.waiting_events,
        )
        sources = GaugeMetricFamily(
            "fdt_source_received_timestamp_seconds",
            "Last received time of each source and CSP region.",
            labels=["source"],
        )
        for source, received_at in fresh.sources.items():
            sources.add_metric([source], received_at / 1000)
        yield sources
        yield self._processors()

    def _processors(self) -> GaugeMetricFamily:
        seen = GaugeMetricFamily(
            "fdt_processor_seen_timestamp_seconds",
            "Last sign of life of the processor of each partition; NaN before the first.",
            labels=["partition"],
        )
        for number, at in self._reads.processor_seen().items():
            seen.add_metric([str(number)], _NAN if at is None else at / 1000)
        return seen


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
