"""Metrics of every process: its build, its stores, its disk, and what it takes of the machine."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.registry import Collector

from runtime.metrics.definition import Family, Metric, gauge
from schemas import compiled

DISTRIBUTION: Final = "firmware-distribution-tracking"

BUILD: Final = gauge(
    "fdt_build_info",
    "Always 1: the version that runs, whether its rules are compiled or plain, and its Python.",
    *("version", "rules", "python"),
)
DISK_FREE: Final = gauge("fdt_disk_free_bytes", "Free space where the program keeps its data.")
DISK: Final = gauge("fdt_disk_bytes", "All space where the program keeps its data.")

STORE: Final[Mapping[str, Metric]] = {
    "files": gauge("fdt_store_files_bytes", "What a store has in files.", "store"),
    "memtables": gauge(
        "fdt_store_memtables_bytes", "What a store holds in memory and not in files yet.", "store"
    ),
    "compaction": gauge(
        "fdt_store_pending_compaction_bytes",
        "What RocksDB estimates that it has to rewrite before a store is in order.",
        "store",
    ),
    "stopped": gauge(
        "fdt_store_writes_stopped",
        "1 while RocksDB takes no writes of a store, because too much waits to be put in order.",
        "store",
    ),
    "delayed": gauge(
        "fdt_store_delayed_write_bytes_per_second",
        "To what RocksDB slows the writes of a store down; 0 while it does not.",
        "store",
    ),
    "errors": gauge(
        "fdt_store_background_errors",
        "Flushes and compactions of a store that failed since it was opened.",
        "store",
    ),
}
"""Of each store, by the name of its figure."""
CACHE: Final[Mapping[str, Metric]] = {
    "cache": gauge(
        "fdt_store_cache_bytes", "Blocks and memtables that all stores of the process hold."
    ),
    "cache_room": gauge("fdt_store_cache_room_bytes", "What they may hold together."),
}
"""Of all stores of a process together: each of them tells the same."""

METRICS: Final = (BUILD, DISK_FREE, DISK, *STORE.values(), *CACHE.values())

Figures = Callable[[], Mapping[str, Mapping[str, float]]]
"""Store -> its figures, by name; stores that are open."""


def of_process(folder: Path) -> tuple[Collector, Collector]:
    """Collectors for a process whose data is in ``folder``."""
    return _BuildCollector(folder), ProcessCollector(registry=None)


class _BuildCollector(Collector):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Family]:
        """Build and disk."""
        built = (version(DISTRIBUTION), compiled.which(), platform.python_version())
        yield BUILD.family({built: 1})
        usage = shutil.disk_usage(self._folder)
        yield DISK_FREE.of(usage.free)
        yield DISK.of(usage.total)


class StoresCollector(Collector):
    """The stores of a process, as RocksDB reports them at each scrape."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Family]:
        """``fdt_store_…``"""
        figures = self._figures()
        for name, metric in STORE.items():
            yield metric.family(
                {(store,): found[name] for store, found in figures.items() if name in found}
            )
        yield from _shared(list(figures.values()))


def _shared(figures: Sequence[Mapping[str, float]]) -> Iterator[Family]:
    for name, metric in CACHE.items():
        told = [found[name] for found in figures if name in found]
        yield metric.family({(): told[0]} if told else {})
