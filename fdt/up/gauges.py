"""Reads the read side's metrics for the display of ``fdt up``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

ANSWER_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Gauges:
    """Items by Processing Status in the order of the lifecycle, and events not applied yet."""

    items: dict[str, int]
    lag: int | None

    @property
    def total(self) -> int:
        """All items held."""
        return sum(self.items.values())


def read_gauges(client: httpx.Client) -> Gauges | None:
    """The gauges of the read side; None while it does not answer or is catching up."""
    try:
        answer = client.get("/metrics", timeout=ANSWER_SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError:
        return None
    return parse_gauges(answer.text)


def parse_gauges(exposition: str) -> Gauges | None:
    """The gauges out of Prometheus' text format; NaN, which stands for unknown, is left out."""
    items: dict[str, int] = {}
    lag: int | None = None
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if math.isnan(sample.value):
                continue
            if sample.name == "fdt_items":
                items[sample.labels["status"]] = int(sample.value)
            elif sample.name == "fdt_lag_events":
                lag = int(sample.value)
    return Gauges(items, lag) if items else None
