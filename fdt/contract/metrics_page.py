"""docs/metrics.md: every metric that a worker and a read side export, from their definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import ProcessCollector

from processor import metrics as worker
from query_api.api import metric_names as read_side
from runtime.metrics.definition import Metric

_HEAD: Final = """\
# Metrics

Made by `python -m fdt.contract`; a test fails when this page and what a running worker and a
running read side export differ.

A worker answers `/metrics` on `FDT_PROCESSOR_PORT`, a read side on `FDT_API_PORT`, in Prometheus'
text format. Of `fdt process --workers N` each worker has a port of its own: `FDT_PROCESSOR_PORT`
and those that follow. Nobody is asked who he is there: a worker listens on this machine alone
unless `FDT_PROCESSOR_HOST` says otherwise, and a gateway need not let `/metrics` of a read side
through. How they are scraped, looked at and watched over: `monitoring/`, and
[alerts](how-to/alerts.md).

Seconds are seconds and bytes are bytes; a name that ends in `_total` only grows until its process
starts again; a time of day is in seconds since 1970 UTC. **NaN says *unknown*:** what cannot be
told now is no number. A histogram has `_bucket`, `_sum` and `_count`. Labels have few values, and
none of them names a device, a request or a person.

## What may change

Names, labels and meanings are part of the contract, as [the API](api-versions.md) is. Metrics, and
values of labels, may come at any time. One that is to go begins its help with `Deprecated:` and
names its successor, which is exported beside it for at least two releases and six months; the
changelog says when it goes. Buckets of histograms, and what `process_…` says, are no part of it.
"""

_LABELS: Final = {
    "`topic`": "a source topic, `firmware.….v1`",
    "`partition`": "a partition number",
    "`outcome` of records": "`read` = `folded` + `dead_lettered`; `quarantined`, those of the dead "
    "letters that ended a worker before; `deleted_unread`, offsets that the broker deleted before "
    "they were read",
    "`outcome` of sign-ins": "`signed_in`, `refused`, `provider_away`, `other`",
    "`reason`": "why [a record was refused](dead-letters.md)",
    "`stage`": "[what a profile tells](how-to/operate.md)",
    "`status` of items": "a [Processing Status](lifecycle.md)",
    "`status` of answers": "an HTTP status, or `aborted` where the client went away before one",
    "`route`": "the template of an address, such as `/v1/devices/{device_id}`; `none` where there "
    "is nothing",
    "`problem`": "a kind of [problem](problems.md)",
    "`source`": "`dsp`, `comms-hub`, `ssmi`, `csp/` with a region; regions beyond the latest 40, "
    "and what looks like an identifier, are `csp/other`",
    "`store`": "`partition-` with its number, or `view`",
    "`part`": "a part of the program that has said something of itself",
}


def markdown() -> str:
    """The text of docs/metrics.md."""
    shared = [metric for metric in worker.METRICS if metric in read_side.METRICS]
    own = [metric for metric in worker.METRICS if metric not in shared]
    asked = [metric for metric in read_side.METRICS if metric not in shared]
    return "".join(
        [
            _HEAD,
            *_chapter("A worker", [*own, *worker.PROFILED]),
            *_chapter("A read side", asked),
            *_chapter("Both", [*shared, *of_the_machine()]),
            "\n## Labels\n\n| Label | Its values |\n|---|---|\n",
            *(f"| {label} | {values} |\n" for label, values in _LABELS.items()),
        ]
    )


def of_the_machine() -> Iterator[Metric]:
    """The metrics that prometheus-client exports for any process on Linux."""
    for family in ProcessCollector(registry=None).collect():
        if family.type == "counter":
            yield Metric("counter", f"{family.name}_total", family.documentation)
        else:
            yield Metric("gauge", family.name, family.documentation)


def _chapter(title: str, metrics: Iterable[Metric]) -> Iterator[str]:
    yield f"\n## {title}\n\n| Metric | Type | Labels | What it is |\n|---|---|---|---|\n"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text} |\n"
