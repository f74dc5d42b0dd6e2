"""The configuration of a worker, and the parts of the fold that are made from it.

It is separate from the application so that a trial in a child process starts without Faust.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from processor.partition.folding import Folding
from projections.catalogue import load_catalogue
from projections.events import Reader
from runtime.access.schema_registry import registry
from schemas.codec import Codec
from schemas.topics import TopicSpec


@dataclass(frozen=True, slots=True)
class ProcessorConfig:
    """Configuration of a worker."""

    bootstrap: str
    group_id: str
    worker: str
    """Name for static membership and the data folder; unique in the group."""
    folder: Path
    partitions: int
    device_types: frozenset[str]
    clock_skew_past: timedelta
    session_timeout: timedelta
    commit_interval: timedelta
    idle_control_interval: timedelta
    stall_timeout: timedelta
    max_batch_records: int
    store_memory_mb: int
    least_free_mb: int
    timeline_cap: int
    retention: timedelta
    specs: tuple[TopicSpec, ...] = ()
    """The required topics and their settings."""
    host: str = "127.0.0.1"
    """Where ``/healthz``, ``/readyz`` and ``/metrics`` are served."""
    port: int = 0
    """0 lets the system choose."""
    catalogue: Path | None = None
    registry_url: str | None = None

    @property
    def retention_ms(self) -> int:
        """How long an item is held after its evidence was received, in milliseconds."""
        return int(self.retention.total_seconds() * 1000)


def reader_of(config: ProcessorConfig) -> Reader:
    """The reader, with its checks and the catalogue."""
    return Reader(
        load_catalogue(config.catalogue),
        config.device_types,
        int(config.clock_skew_past.total_seconds() * 1000),
        config.retention_ms,
    )


def codec_of(config: ProcessorConfig) -> Codec:
    """The codec with its registry."""
    return Codec(registry(config.registry_url))


def folding_of(config: ProcessorConfig, number: int) -> Folding:
    """The fold of one partition number."""
    return Folding(
        number,
        config.partitions,
        reader_of(config),
        codec_of(config),
        config.timeline_cap,
        config.retention_ms,
    )
