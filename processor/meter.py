"""What the partitions of one worker count for Prometheus: a few times a batch, never an event."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry

from runtime.broker_clock import BrokerClock
from runtime.metrics.definition import SECONDS, counter, gauge, histogram
from schemas.headers import DL_REASON

FOLD: Final = histogram(
    "fdt_fold_seconds", "Time to fold a batch: its records to changed rows, stored rows looked up."
)
RECORDS: Final = histogram("fdt_batch_records", "Source records of a batch.")
TRANSACTION: Final = histogram(
    "fdt_transaction_seconds",
    "Time of a transaction until the broker has committed it, tries that were aborted included.",
)
ABORTED: Final = counter(
    "fdt_aborted_transactions_total", "Transactions that were aborted, and tried again."
)
WRITE: Final = histogram(
    "fdt_store_write_seconds", "Time of the write of rows and ledger to the local store."
)
DEAD_LETTERS: Final = counter(
    "fdt_dead_letters_total", "Source records that were refused, by reason.", "reason"
)
RESUMPTION: Final = histogram(
    "fdt_resumption_seconds",
    "Time to take a partition over: its last owner fenced, its store at the end of the log.",
)
REMAINING: Final = gauge(
    "fdt_resumption_remaining_offsets",
    "Offsets of the status topic that a partition has still to read before it goes on.",
    "partition",
)
FORGOTTEN: Final = counter(
    "fdt_forgotten_rows_total", "Rows of which nothing is held any more, by the retention sweep."
)
SWEPT: Final = gauge(
    "fdt_last_sweep_timestamp_seconds",
    "When the retention sweep last looked for what is due; 0 before it first did.",
)
METRICS: Final = (
    *(FOLD, RECORDS, TRANSACTION, ABORTED, WRITE, DEAD_LETTERS, RESUMPTION, REMAINING),
    *(FORGOTTEN, SWEPT),
)

_FEW: Final = (1, 10, 100, 1_000, 4_000, 16_000)
_LONG: Final = (*SECONDS, 30.0, 120.0, 600.0)
FATAL: Final = ("defect", "kills-process")
"""Reasons that are a defect of ours: they are exported as 0 before the first, or nobody could tell
the first from a series that was always there."""

Headers = Sequence[tuple[str, str | bytes | None]]
"""Of a record, as :mod:`processor.partition.dead_letters` makes them."""


class Meter:
    """Counts what the partitions of one process do. Safe for many threads."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        """``None`` registers nothing."""
        self.broker = BrokerClock()
        """What time it is at the broker, by the transactions."""
        self.fold = FOLD.histogram(registry)
        self.records = RECORDS.histogram(registry, _FEW)
        self.transaction = TRANSACTION.histogram(registry, _LONG)
        self.aborted = ABORTED.counter(registry)
        self.write = WRITE.histogram(registry)
        self.resumption = RESUMPTION.histogram(registry, _LONG)
        self.forgotten = FORGOTTEN.counter(registry)
        self._dead_letters = DEAD_LETTERS.counter(registry)
        for reason in FATAL:
            self._dead_letters.labels(reason)
        self._remaining = REMAINING.gauge(registry)
        self._swept = SWEPT.gauge(registry)

    def refused(self, letter: Headers) -> None:
        """A dead letter with these headers is durable."""
        for name, value in letter:
            if name == DL_REASON:
                self._dead_letters.labels(
                    value.decode() if isinstance(value, bytes) else value
                ).inc()

    def reading(self, partition: int, done: int, total: int) -> None:
        """A partition that is taken over has read ``done`` of ``total`` offsets."""
        self._remaining.labels(str(partition)).set(total - done)

    def swept(self, rows: int) -> None:
        """The sweep looked for what is due, and so many rows are held no more."""
        self._swept.set(time.time())
        if rows:
            self.forgotten.inc(rows)


@cache
def for_nobody() -> Meter:
    """Counts what nobody asks for: of a rebuild, of a test."""
    return Meter(None)
