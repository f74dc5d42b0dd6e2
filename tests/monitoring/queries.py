"""The queries of alerts and dashboard, and what of the exported metrics they go by."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from fdt.contract.metrics_page import of_the_machine
from processor import metrics as worker
from query_api.api import metric_names as read_side
from runtime.metrics.definition import Metric
from tests.monitoring.tools import MONITORING, rules

_SELECTOR: Final = re.compile(r"\b((?:fdt|process)_\w+|up\b)(?:\{([^}]*)\})?")
_MATCHER: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED: Final = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
SCRAPED: Final = frozenset({"job", "instance"})
"""Labels that every series has from Prometheus."""
HISTOGRAM: Final = ("_bucket", "_sum", "_count")

METRICS: Final = {
    metric.name: metric for metric in (*worker.METRICS, *read_side.METRICS, *of_the_machine())
}


@dataclass(frozen=True)
class Query:
    """An expression and where it stands."""

    where: str
    expr: str

    @property
    def metrics(self) -> set[str]:
        """Names of the series that it asks for."""
        return {name for name, _ in _SELECTOR.findall(self.expr)}

    @property
    def labels(self) -> set[str]:
        """Labels that it goes by."""
        matched = {
            label for _, by in _SELECTOR.findall(self.expr) for label in _MATCHER.findall(by)
        }
        grouped = {label.strip() for by in _GROUPED.findall(self.expr) for label in by.split(",")}
        return matched | grouped


def of_alerts() -> list[Query]:
    """What each alert looks at."""
    return [Query(rule["alert"], rule["expr"]) for rule in rules()]


def of_dashboard() -> list[Query]:
    """Every query of every panel."""
    board = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    return [
        Query(panel["title"], target["expr"])
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def exported(series: str) -> Metric | None:
    """The metric that a series is of; none if nothing exports it."""
    if series in METRICS:
        return METRICS[series]
    for ending in HISTOGRAM:
        found = METRICS.get(series.removesuffix(ending))
        if series.endswith(ending) and found is not None and found.kind == "histogram":
            return found
    return None
