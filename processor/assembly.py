"""Makes partitions from a configuration; the parts that they share are made once.

The worker, a rebuild and ``fdt replay`` make theirs here.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from processor.config import ProcessorConfig, codec_of, folding_of, reader_of
from processor.meter import Meter
from processor.partition.partition import Partition
from processor.partition.recovery import Progress
from processor.partition.source_topics import Topics
from processor.partition.status_log import StatusLog
from processor.profile.profile import Profile
from processor.profile.profiled import ProfiledStores
from processor.safety.in_flight import NotedInFlight
from processor.safety.poison_probe import kills
from processor.stores import FolderStores
from storage.rocks import Memory


class Assembly:
    """Makes the partitions of one process; with a ``profile`` they record their times."""

    def __init__(
        self,
        config: ProcessorConfig,
        topics: Topics,
        progress: Progress,
        profile: Profile | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter
        self._config = config
        self._topics = topics
        self._progress = progress
        self._profile = profile
        self._memory = Memory(config.store_memory_mb)
        self._reader, self._codec = reader_of(config), codec_of(config)
        self._in_flight = NotedInFlight(
            config.folder,
            lambda number, suspects, stored: kills(
                partial(folding_of, config, number), suspects, stored
            ),
        )

    def stores(self, folder: Path) -> FolderStores:
        """Stores below a folder; all stores made here share one limit of memory."""
        bounds = (folder, self._memory, self._config.least_free_mb)
        if self._profile is not None:
            return ProfiledStores(*bounds, self._profile.stages)
        return FolderStores(*bounds)

    def partition(self, number: int, log: StatusLog, stores: FolderStores) -> Partition:
        """The partition of a number, over a log and stores."""
        make = Partition if self._profile is None else self._profile.partition
        return make(
            number,
            self._config.partitions,
            stores=stores,
            log=log,
            reader=self._reader,
            codec=self._codec,
            topics=self._topics,
            worker=self._config.worker,
            in_flight=self._in_flight,
            timeline_cap=self._config.timeline_cap,
            retention_ms=self._config.retention_ms,
            progress=self._progress,
            meter=self._meter,
        )
