"""The metrics that are read from a worker's partitions at each scrape; :mod:`processor.app`
registers them. Those that are counted as they happen are in :mod:`processor.meter`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from processor import meter
from processor.partition.ledger import DELETED_UNREAD, QUARANTINED
from processor.partition.partition import Partition
from processor.profile import stages
from processor.worker import Worker
from runtime.broker_clock import BrokerClock
from runtime.metrics import parts, process
from runtime.metrics.definition import UNKNOWN, Family, counter, gauge
from runtime.metrics.process import StoresCollector

READY: Final = gauge("fdt_ready", "1 while /readyz says so.")
OWNED: Final = gauge("fdt_owned_partitions", "Partition numbers that this worker owns.")
RECORDS: Final = counter(
    "fdt_source_records_total",
    "Source records since the partition began, by what became of them.",
    *("partition", "outcome"),
)
LAG: Final = gauge(
    "fdt_source_lag_records",
    "Offsets of a source topic that are not folded yet, as the last fetch saw its end.",
    *("topic", "partition"),
)
LAG_SECONDS: Final = gauge(
    "fdt_source_lag_seconds",
    "Age of the last record folded of a source topic while others wait, 0 while none does; NaN "
    "where nothing was read yet.",
    *("topic", "partition"),
)
ROWS: Final = gauge("fdt_rows", "Devices of which a partition holds a row.", "partition")
TIME: Final = gauge(
    "fdt_partition_timestamp_seconds",
    "The broker's time as far as a partition has been read: retention goes by it. NaN before it "
    "is known.",
    "partition",
)
REBALANCES: Final = counter(
    "fdt_rebalances_total", "How often the group gave this worker its partitions."
)
WAITS: Final = counter(
    "fdt_outage_waits_total",
    "How often work was put off because the broker or the schema registry did not answer.",
)
METRICS: Final = (
    *(READY, OWNED, RECORDS, LAG, LAG_SECONDS, ROWS, TIME, REBALANCES, WAITS),
    *meter.METRICS,
    *parts.METRICS,
    *process.METRICS,
)
"""All metrics of a worker."""
PROFILED: Final = stages.METRICS
"""Further metrics with ``--profile``."""

OUTCOMES: Final = ("read", "folded", "dead_lettered", QUARANTINED, DELETED_UNREAD)


def register_worker(registry: CollectorRegistry, worker: Worker, clock: BrokerClock) -> None:
    """Register the metrics of owned partitions and their stores."""
    registry.register(WorkerCollector(worker, clock))
    registry.register(
        StoresCollector(
            lambda: {f"partition-{n}": held.figures() for n, held in worker.owned().items()}
        )
    )


class WorkerCollector(Collector):
    """Reads the partitions of a worker; ``clock`` gives the broker's time."""

    def __init__(self, worker: Worker, clock: BrokerClock) -> None:
        self._worker = worker
        self._clock = clock

    def collect(self) -> Iterator[Family]:
        """Owned partitions, outcome of their records, and lag."""
        owned = self._worker.owned()
        yield OWNED.of(len(owned))
        yield REBALANCES.of(self._worker.assignment)
        yield WAITS.of(self._worker.waits)
        yield RECORDS.family(
            {
                (str(number), outcome): held.ledger.counts.get(outcome, 0)
                for number, held in owned.items()
                for outcome in OUTCOMES
            }
        )
        yield ROWS.family({(str(n),): held.ledger.rows for n, held in owned.items()})
        yield TIME.family({(str(n),): _seconds(_time(held)) for n, held in owned.items()})
        yield from self._lags(owned)

    def _lags(self, owned: Mapping[int, Partition]) -> Iterator[Family]:
        records: dict[tuple[str, ...], float] = {}
        seconds: dict[tuple[str, ...], float] = {}
        now = self._clock.now()
        for (topic, number), end in sorted(self._worker.ends.items()):
            if number not in owned:
                continue
            held, place = owned[number], (topic, str(number))
            records[place] = max(0, end - held.ledger.next_offset(topic))
            known = held.read_until.get(topic) or _time(held)
            seconds[place] = _age(now, known) if records[place] else 0.0
        yield LAG.family(records)
        yield LAG_SECONDS.family(seconds)


def _time(held: Partition) -> int | None:
    return held.ledger.partition_time


def _seconds(ms: int | None) -> float:
    return UNKNOWN if ms is None else ms / 1000


def _age(now: int, since: int | None) -> float:
    """Seconds from ``since`` to ``now``, never negative: the known broker time may be a little
    behind."""
    return UNKNOWN if since is None or not now else max(0, now - since) / 1000
