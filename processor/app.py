"""The Faust application: one agent over the four event topics. ``fdt process`` calls :func:`run`.

Of Faust only the group, the assignment and the fetching are in use: no web server and no table
pages (they would serve every tenant's rows), no leader topic, no topics declared by the worker.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

import faust
from faust.types import StreamT
from prometheus_client import CollectorRegistry

from processor.assembly import Assembly
from processor.batch import Batch
from processor.config import ProcessorConfig
from processor.meter import Meter, for_nobody
from processor.metrics import register_worker
from processor.monitoring import Monitoring, Watched
from processor.partition.partition import Partition
from processor.partition.status_log import KafkaStatusLog
from processor.profile.profile import Profile
from processor.profile.stages import HAND_OVER, Stages, StagesCollector
from processor.rebuild.progress import Reporter
from processor.safety.defects import Defect
from processor.safety.watchdog import EXIT_FAILED, Watchdog, end_process
from processor.topics import KafkaTopics
from processor.transport.frames import FramesConsumer
from processor.transport.membership import member_id, require_alone
from processor.worker import CONCURRENCY, Worker
from runtime import interpreter
from runtime.access.rotation import Rotation
from runtime.again import begin_again
from runtime.alone import only_one
from runtime.broker_clock import BrokerClock
from runtime.health import Health
from runtime.logs.fields import about
from runtime.metrics.definition import new_registry
from runtime.metrics.process import of_process
from runtime.threads import watched
from runtime.topics import TopicsWatch
from schemas.topics import SOURCE_TOPICS

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 1.0
"""Interval of the sweep, which costs one look-up in the expiry index of each partition."""
HEARTBEATS: Final = 20
"""Heartbeats in one session time-out. A worker learns of a rebalance from the answer to the next
heartbeat, and the partitions that move pause until then."""
BEGIN_AGAIN: Final = 75
"""Exit code of a worker that ended in order to be started again by the same process."""
END_S: Final = 5.0
"""How long a worker that failed waits for its batches in flight, which may wait for the broker."""


class BatchSchema(faust.Schema[Any, Batch]):
    """Passes batches through unchanged: the partition decodes the records."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """No key: each record of a batch has its own."""
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The :class:`~processor.batch.Batch`."""
        return message.value


class ProcessorApp(faust.App):
    """The application, with the worker that its transport asks for positions."""

    owner: Worker
    stages: Stages | None = None
    """Receives the times of the transport, when profiling."""


def _faust_app(config: ProcessorConfig) -> ProcessorApp:
    """Faust with the settings of the worker, and its unused parts switched off."""
    return ProcessorApp(
        config.group_id,
        broker=f"frames://{config.bootstrap.replace(',', ';')}",
        datadir=str(config.folder / "faust"),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        processing_guarantee="at_least_once",
        broker_client_id=member_id(config.folder),
        consumer_group_instance_id=instance_of(config),
        broker_max_poll_records=config.max_batch_records,
        broker_session_timeout=config.session_timeout.total_seconds(),
        broker_heartbeat_interval=config.session_timeout.total_seconds() / HEARTBEATS,
        broker_commit_interval=config.commit_interval.total_seconds(),
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_buffer_maxsize=64,
    )


def build(
    config: ProcessorConfig,
    topics: KafkaTopics,
    unfit: Callable[[], str | None],
    profile: Profile | None = None,
    meter: Meter | None = None,
) -> ProcessorApp:
    """The application for a configuration; nothing is connected yet. While ``unfit`` gives a
    reason, nothing is folded."""
    app = _faust_app(config)
    app.owner = Worker(
        lambda number: make(number),
        topics,
        lambda error: _fail(app, error),
        partitions=config.partitions,
        unfit=unfit,
    )
    app.stages = None if profile is None else profile.stages
    make = _partition_factory(config, topics, app.owner, profile, meter or for_nobody())
    # No acknowledgements: Faust would keep them for a commit that never comes.
    events = app.topic(*SOURCE_TOPICS.values(), schema=BatchSchema(), acks=False)

    def consumer() -> FramesConsumer:
        return cast(FramesConsumer, app.consumer)

    @app.agent(events, concurrency=CONCURRENCY)
    async def fold(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            await app.owner.process(batch)
            consumer().processed(batch)
            if app.stages is not None:
                app.stages.thread(HAND_OVER)

    async def keep_alive() -> None:
        await app.owner.keep_alive(config.idle_control_interval.total_seconds(), consumer().ends)

    app.timer(interval=config.idle_control_interval.total_seconds() / 4)(keep_alive)

    async def sweep() -> None:
        await app.owner.sweep()

    app.timer(interval=SWEEP_EVERY_S)(sweep)

    return app


def _partition_factory(
    config: ProcessorConfig,
    topics: KafkaTopics,
    owner: Worker,
    profile: Profile | None,
    meter: Meter,
) -> Callable[[int], Partition]:
    report = Reporter(owner.step)

    def progress(number: int, done: int, total: int) -> None:
        report(number, done, total)
        meter.reading(number, done, total)

    assembly = Assembly(config, topics, progress, profile, meter)
    stores = assembly.stores(config.folder)

    def make(number: int) -> Partition:
        log = KafkaStatusLog(config.bootstrap, config.group_id, number, meter.aborted.inc)
        return assembly.partition(number, log, stores)

    return make


def _watchdog(
    config: ProcessorConfig,
    app: ProcessorApp,
    topics: KafkaTopics,
    rotation: Rotation,
    stopping: Callable[[], bool],
) -> Watchdog:
    def waiting() -> str | None:
        if not app.owner.settled:
            topics.ids()
            return "no assignment of partitions"
        positions = app.owner.positions()
        unread = topics.unread({(tp.topic, tp.partition): at for tp, at in positions.items()})
        return None if unread is None else f"a record to read, {unread}"

    return Watchdog(
        limit_s=config.stall_timeout.total_seconds(),
        progress=app.owner.progress,
        waiting=waiting,
        end=partial(_end_stalled, rotation),
        stopping=stopping,
    )


def _end_stalled(rotation: Rotation, why: str) -> None:
    """End at once; a worker that was ending for new credentials starts again instead."""
    if rotation.begin_again:
        logger.critical("the processor begins again at once: %s", why)
        logging.shutdown()
        begin_again()
    end_process(why)


def _fail(app: ProcessorApp, error: BaseException) -> None:
    """End the process. Faust itself would log the error, acknowledge the batch and continue.

    Faust is not stopped in order either: its agents have blocked each other when stopped, and
    nothing durable depends on their end.
    """
    told = "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    logger.critical("the processor stops: %s", told, exc_info=error, extra=_place(error))

    def give_up() -> None:
        app.owner.close()
        end_process("every partition is given up", EXIT_FAILED)

    timer = threading.Timer(END_S, end_process, ["a batch in hand did not end", EXIT_FAILED])
    timer.daemon = True
    timer.start()
    watched("end", give_up, stopping=lambda: True, on_end=_end).start()


def _place(error: BaseException) -> dict[str, object]:
    """Log fields with the place of the record, if the error is a :class:`Defect`."""
    if not isinstance(error, Defect):
        return {}
    topic, offset = error.place
    return about(topic=topic, partition=error.number, offset=offset)


def _end(error: BaseException) -> None:
    end_process(f"a thread ended: {error}")


def _end_in_order() -> None:
    """End as on an operator's SIGTERM."""
    os.kill(os.getpid(), signal.SIGTERM)


def _registry(
    config: ProcessorConfig, app: ProcessorApp, registry: CollectorRegistry, clock: BrokerClock
) -> CollectorRegistry:
    """``registry`` with the metrics of the worker, its process and its profile."""
    register_worker(registry, app.owner, clock)
    for collector in of_process(config.folder):
        registry.register(collector)
    if app.stages is not None:
        registry.register(StagesCollector(app.stages))
    return registry


def instance_of(config: ProcessorConfig) -> str:
    """The worker's ``group.instance.id``."""
    return f"{config.group_id}-{config.worker}"


def run(config: ProcessorConfig, profile: Profile | None = None) -> int:
    """Run the worker until it is stopped. Returns the exit code: 0, 1 if it failed,
    :data:`BEGIN_AGAIN` if it ended in order to be started again. A ``profile`` records its times.

    Raises :class:`~runtime.alone.NotAlone` if another worker has its folder or its name.
    """
    with only_one(config.folder / "lock", "FDT_WORKER_NAME"):
        require_alone(
            config.bootstrap,
            config.group_id,
            instance_of(config),
            member_id(config.folder),
            config.session_timeout.total_seconds(),
        )
        return _run(config, profile)


def _run(config: ProcessorConfig, profile: Profile | None) -> int:
    # These libraries log every step of their services; the partitions log what an operator needs.
    for name in ("aiokafka", "faust", "mode", "processor.app", "processor.transport.frames"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A sweep may take longer than its interval: Faust's warning about that is not needed.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)
    health = Health()
    watch = TopicsWatch(config.bootstrap, config.specs, health, _end)
    topics = KafkaTopics(config.bootstrap, watch.look_now)
    registry = new_registry()
    meter = Meter(registry)
    app = build(config, topics, lambda: watch.unfit, profile, meter)
    told = _registry(config, app, registry, meter.broker)
    seen = Watched(health, watch, app.owner.owned, lambda: app.owner.settled, told)
    monitoring = Monitoring(config.host, config.port, seen, _end)
    rotation = Rotation(config.bootstrap, health, _end_in_order, _end)
    watch.look()
    watch.start()
    rotation.start()
    monitoring.start()
    interpreter.settle(young=500_000)
    worker = faust.Worker(
        app, loglevel="warning", quiet=True, override_logging=False, redirect_stdouts=False
    )
    # The spinner writes control sequences into the log even without a terminal.
    worker.spinner = None
    _watchdog(config, app, topics, rotation, lambda: worker.should_stop).start()
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    else:
        code = 0
    monitoring.stop()
    watch.stop()
    rotation.stop()
    app.owner.close()
    if app.owner.failure is not None:
        return 1
    return BEGIN_AGAIN if rotation.begin_again else code
