"""CPU time and waiting time by stage, as the parts of a worker record them.

Times are seconds here, and microseconds an event in the table. CPU time is that of the thread that
does the work, so that the stages of several threads can be added up. Waiting is the elapsed time
less the CPU time.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client.registry import Collector

from runtime.metrics.definition import Family, counter

FETCH: Final = "fetch"
HAND_OVER: Final = "hand-over"
BATCH: Final = "batch"
FOLD: Final = "fold"
LOOK_UP: Final = "look-up"
PRODUCE: Final = "produce"
WRITE: Final = "write"
COLLECTOR: Final = "collector"
LOCK_WAIT: Final = "wait for the interpreter lock"
ACKNOWLEDGE_WAIT: Final = "wait for the acknowledgement"
NATIVE: Final = "native threads"

MEANING: Final[Mapping[str, str]] = {
    FETCH: "the client's thread: requests, answers, records",
    HAND_OVER: "Faust's loop: batches to the threads that fold, timers, commits to the group",
    BATCH: "positions, counts, notes and control record of a batch",
    FOLD: "records to changed rows, status records and dead letters",
    LOOK_UP: "stored rows of a batch, from RocksDB",
    PRODUCE: "handing a transaction to the client, and its commit",
    WRITE: "rows and expiry index, into RocksDB",
    COLLECTOR: "Python's collector; part of the stages in which it ran",
    LOCK_WAIT: "time that the fold stood still: other threads had the interpreter, or the machine",
    ACKNOWLEDGE_WAIT: "time until the broker had committed; others fold meanwhile",
    NATIVE: "threads of librdkafka and RocksDB",
}
"""Every stage, in the order in which an event meets them."""
WAITS: Final = frozenset({LOCK_WAIT, ACKNOWLEDGE_WAIT})


SPENT: Final = counter(
    "fdt_stage_seconds_total",
    "Processor time by stage of the fold; of a wait, time on the clock. Only with --profile.",
    "stage",
)
PROFILED: Final = counter(
    "fdt_profiled_events_total",
    "Source records that the stages were spent on. Only with --profile.",
)
METRICS: Final = (SPENT, PROFILED)


class Stages:
    """The times so far. Any thread may add to them, a few times a batch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._threads: dict[str, tuple[float, float]] = {}
        self._began = time.process_time()
        self.events = 0
        self._collecting = 0.0
        gc.callbacks.append(self._collected)

    def count(self, events: int) -> None:
        """Count ``events`` more as processed."""
        with self._lock:
            self.events += events

    @contextmanager
    def timed(self, stage: str, waiting: str | None = None) -> Iterator[None]:
        """Add the thread's CPU time in the block to ``stage``, less that of nested stages, and its
        waiting time to ``waiting``."""
        clock, spent, inside = time.perf_counter(), time.thread_time(), _INSIDE.seconds
        _INSIDE.seconds = 0.0
        try:
            yield
        finally:
            spent = time.thread_time() - spent
            stood = time.perf_counter() - clock - spent
            with self._lock:
                self._seconds[stage] += spent - _INSIDE.seconds
                if waiting is not None:
                    self._seconds[waiting] += stood
            _INSIDE.seconds = inside + spent

    def thread(self, stage: str) -> None:
        """Set ``stage`` to all CPU time of this thread since its first call of this method."""
        spent = time.thread_time()
        with self._lock:
            first, _ = self._threads.get(stage, (spent, spent))
            self._threads[stage] = (first, spent)

    def seconds(self) -> dict[str, float]:
        """Stage -> seconds, in the order of :data:`MEANING`."""
        whole = time.process_time() - self._began
        with self._lock:
            found = dict(self._seconds)
            found |= {stage: last - first for stage, (first, last) in self._threads.items()}
        python = sum(s for stage, s in found.items() if stage not in (*WAITS, COLLECTOR))
        found[NATIVE] = max(0.0, whole - python)
        return {stage: found.get(stage, 0.0) for stage in MEANING}

    def close(self) -> None:
        """Stop recording the times of the garbage collector."""
        gc.callbacks.remove(self._collected)

    def _collected(self, phase: str, info: Mapping[str, int]) -> None:
        # Collections do not overlap, and both calls come from the thread that collects. No lock is
        # taken: a collection may start while this thread holds it.
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._seconds[COLLECTOR] += time.thread_time() - self._collecting


class _Inside(threading.local):
    seconds = 0.0


_INSIDE: Final = _Inside()
"""Seconds of the nested stages that this thread has recorded within its present stage."""


class StagesCollector(Collector):
    """The stages as metrics."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def collect(self) -> Iterator[Family]:
        """``fdt_stage_seconds_total`` and ``fdt_profiled_events_total``."""
        spent = self._stages.seconds()
        yield SPENT.family(
            {(stage.replace(" ", "_"),): seconds for stage, seconds in spent.items()}
        )
        yield PROFILED.of(self._stages.events)
