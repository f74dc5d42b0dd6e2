"""The Faust application: one agent over the four event topics, and nothing of Faust's that we do
not use.

No web server and no table pages (they would serve every tenant's rows), no leader topic, no topics
declared by the worker: what runs is the group, the assignment and the fetching.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import faust
from faust.types import StreamT

from processor.batch import Batch
from processor.frames import FramesConsumer
from processor.log import KafkaStatusLog, topic_ids
from processor.partition import Partition
from processor.stores import FolderStores
from processor.worker import CONCURRENCY, Worker
from projections.catalogue import load_catalogue
from projections.events import Reader
from schemas.codec import Codec
from schemas.registry import registry
from schemas.topics import SOURCE_TOPICS, STATUS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessorConfig:
    """Everything a worker needs to know."""

    bootstrap: str
    group_id: str
    worker: str
    """Name for static membership and for the data folder: unique among the workers."""
    folder: Path
    partitions: int
    device_types: frozenset[str]
    clock_skew_past: timedelta
    session_timeout: timedelta
    commit_interval: timedelta
    idle_control_interval: timedelta
    max_batch_records: int
    block_cache_mb: int
    timeline_cap: int
    catalogue: Path | None = None
    registry_url: str | None = None


class BatchSchema(faust.Schema[Any, Batch]):
    """Hands batches through as they are: decoding is the partition's."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """The key is in the records."""
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The :class:`~processor.batch.Batch`."""
        return message.value


class ProcessorApp(faust.App):
    """The application, with the worker its transport asks for positions."""

    owner: Worker
    crashing: asyncio.Future[None] | None = None


def build(config: ProcessorConfig) -> ProcessorApp:
    """The application for a configuration; nothing is connected yet."""
    app = ProcessorApp(
        config.group_id,
        broker=f"frames://{config.bootstrap.replace(',', ';')}",
        datadir=str(config.folder / "faust"),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        processing_guarantee="at_least_once",
        consumer_group_instance_id=f"{config.group_id}-{config.worker}",
        broker_max_poll_records=config.max_batch_records,
        broker_session_timeout=config.session_timeout.total_seconds(),
        broker_heartbeat_interval=config.session_timeout.total_seconds() / 5,
        broker_commit_interval=config.commit_interval.total_seconds(),
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_wait_empty=True,
        stream_buffer_maxsize=64,
    )
    app.owner = Worker(_partition_factory(config), lambda error: _fail(app, error))
    events = app.topic(*SOURCE_TOPICS.values(), schema=BatchSchema())

    @app.agent(events, concurrency=CONCURRENCY)
    async def fold(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            await app.owner.process(batch)

    async def keep_alive() -> None:
        consumer = cast(FramesConsumer, app.consumer)
        await app.owner.keep_alive(config.idle_control_interval.total_seconds(), consumer.ends)

    app.timer(interval=config.idle_control_interval.total_seconds() / 4)(keep_alive)

    return app


def _partition_factory(config: ProcessorConfig) -> Any:
    """Parts shared by the partitions are made once."""
    catalogue = load_catalogue(config.catalogue)
    reader = Reader(
        catalogue, config.device_types, int(config.clock_skew_past.total_seconds() * 1000)
    )
    codec = Codec(registry(config.registry_url))
    stores = FolderStores(config.folder, config.block_cache_mb)

    def make(number: int) -> Partition:
        return Partition(
            number,
            config.partitions,
            stores=stores,
            log=KafkaStatusLog(config.bootstrap, config.group_id, number),
            reader=reader,
            codec=codec,
            topic_ids=lambda: topic_ids(config.bootstrap, [*SOURCE_TOPICS.values(), STATUS]),
            worker=config.worker,
            timeline_cap=config.timeline_cap,
        )

    return make


def _fail(app: ProcessorApp, error: BaseException) -> None:
    """End the process: Faust itself would log the error, acknowledge the batch and go on."""
    logger.critical("the processor stops: %s: %s", type(error).__name__, error, exc_info=error)
    app.crashing = asyncio.ensure_future(app.crash(error))


def run(config: ProcessorConfig) -> int:
    """Run the worker until it is told to end; 1 if it failed."""
    config.folder.mkdir(parents=True, exist_ok=True)
    # Their services announce every step; what matters to an operator is said by the partitions.
    for name in ("aiokafka", "faust", "mode", "processor.app", "processor.frames"):
        logging.getLogger(name).setLevel(logging.WARNING)
    app = build(config)
    # A batch makes and drops tens of thousands of objects, none of them in cycles.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    worker = faust.Worker(
        app, loglevel="warning", quiet=True, override_logging=False, redirect_stdouts=False
    )
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    else:
        code = 0
    app.owner.close()
    return 1 if app.owner.failure is not None else code
