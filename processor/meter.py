"""The counters that partitions of a worker update: a few times a batch, never for each event."""

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
"""Reasons that show a defect of this software. They are exported as 0 from the start, so that the
first one is an increase."""

Headers = Sequence[tuple[str, str | bytes | None]]
"""Headers of a record, as :mod:`processor.partition.dead_letters` makes them."""


class Meter:
    """The counters of one process. Safe for many threads."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        """``None`` registers nothing."""
        self.broker = BrokerClock()
        """The broker's time, from the transactions' log-append times."""
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
        """Count a durable dead letter by its headers."""
        for name, value in letter:
            if name == DL_REASON:
                self._dead_letters.labels(
                    value.decode() if isinstance(value, bytes) else value
                ).inc()

    def reading(self, partition: int, done: int, total: int) -> None:
        """A partition being taken over has read ``done`` of ``total`` offsets."""
        self._remaining.labels(str(partition)).set(total - done)

    def swept(self, rows: int) -> None:
        """Count a sweep that removed ``rows`` rows."""
        self._swept.set(time.time())
        if rows:
            self.forgotten.inc(rows)


@cache
def for_nobody() -> Meter:
    """A meter without registry, for a rebuild or a test."""
    return Meter(None)
