"""``fdt process``: the stateful processor, as one worker or as several under supervision."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from fdt.errors import UserError, of_system
from fdt.kafka.rights import require_rights
from fdt.kafka.topics import differences, specs_of
from fdt.processes.interrupt import ends_on_signals
from fdt.processes.malloc import keep_malloc_small
from fdt.processes.programs import MOST_WORKERS, Demand, processors
from fdt.processes.supervisor import Patience, Supervisor
from fdt.settings import Settings
from runtime.again import begin_again
from runtime.logs.fields import about
from runtime.logs.program import relayed
from runtime.topics import RELIED_ON

if TYPE_CHECKING:
    from processor.config import ProcessorConfig
    from processor.profile.profile import Line

PATIENCE: Final = Patience(failures=20, within=600.0)
"""A record that kills its process is found after a few deaths."""

_LOOK_S: Final = 0.2
_WAIT_S: Final = 5.0

T = TypeVar("T")

logger = logging.getLogger(__name__)


def process(
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_WORKERS, help="Supervise so many workers, a data folder for each."
        ),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Of one worker: what an event costs, by stage.")
    ] = False,
) -> None:
    """Fold the event topics into the status topic and the local table, until told to end."""
    settings = Settings()
    if settings.kafka_bootstrap_servers is None:
        raise UserError("No broker: set KAFKA_BOOTSTRAP_SERVERS to host:port.")
    if workers is None:
        raise SystemExit(_work(settings, settings.kafka_bootstrap_servers, profile))
    if profile:
        raise UserError("A profile is of one worker: leave out --workers.")
    _supervise(settings, workers)


def _supervise(settings: Settings, workers: int) -> None:
    """Workers ``worker-0`` and so on; one that ends is started again."""
    from rich.text import Text

    from fdt.report import PeoplesConsole

    console = PeoplesConsole()

    def say(name: str, line: str) -> None:
        if not relayed(name, line):
            console.print(Text.from_ansi(f"{name:<12}| {line}"), soft_wrap=True)

    supervisor = Supervisor(say, patience=PATIENCE)
    with ends_on_signals():
        try:
            for program in processors(settings, Demand(workers=workers)):
                supervisor.start(program)
            while True:
                supervisor.tick()
                time.sleep(_LOOK_S)
        finally:
            supervisor.stop_all()


def _work(settings: Settings, bootstrap: str, profiled: bool) -> int:
    """One worker in this process; its exit code."""
    from processor.app import BEGIN_AGAIN, run
    from processor.profile.profile import Profile
    from processor.topics import KafkaTopics, TopicsUnfit
    from projections.catalogue import BadCatalogue
    from runtime.alone import NotAlone
    from schemas import compiled

    keep_malloc_small()
    try:
        require_rights(bootstrap, "worker", settings.group_id)
        partitions = _answered(KafkaTopics(bootstrap).partitions)
        _look_at_topics(settings, bootstrap)
        logger.info("the rules run %s", compiled.which())
        config = config_of(settings, bootstrap, partitions)
        profile = Profile() if profiled else None
        code = run(config, profile)
        if profile is not None:
            _tell(profile.lines(config), profile.stages.events)
        if code == BEGIN_AGAIN:
            begin_again()
        return code
    except (TopicsUnfit, BadCatalogue, NotAlone) as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise of_system(error) from error


def _tell(lines: Sequence[Line], events: int) -> None:
    """The profile, for people."""
    from fdt.report import Column, Report

    report = Report(as_json=False)
    report.say(f"{events:,} events, microseconds of an event:")
    report.lines(
        lines,
        (
            Column("Stage", lambda line: line.stage),
            Column("Step", lambda line: line.step or ""),
            Column("Microseconds", lambda line: f"{line.microseconds:.2f}"),
            Column("What it is", lambda line: line.meaning, prose=True),
        ),
    )


def _look_at_topics(settings: Settings, bootstrap: str) -> None:
    """Log how the topics differ from the contract; :class:`UserError` where a difference loses data
    or makes times wrong."""
    found = differences(bootstrap, specs_of(settings))
    for difference in found:
        logger.warning("%s", difference, extra=about(topic=difference.topic))
    if lethal := [difference for difference in found if difference.setting in RELIED_ON]:
        raise UserError(
            f"{'; '.join(map(str, lethal))}. The processor relies on this: set it with the "
            "broker's own tools, then start again."
        )


def _answered(ask: Callable[[], T]) -> T:
    """The broker's answer; waits while the broker is away."""
    from processor.partition.status_log import LogUnavailable

    while True:
        try:
            return ask()
        except LogUnavailable as error:
            logger.warning("waiting for the broker: %s", error)
            time.sleep(_WAIT_S)


def config_of(settings: Settings, bootstrap: str, partitions: int) -> ProcessorConfig:
    """The config of a worker with these settings."""
    from processor.config import ProcessorConfig

    return ProcessorConfig(
        bootstrap=bootstrap,
        group_id=settings.group_id,
        worker=settings.worker_name,
        folder=settings.data_dir / settings.worker_name,
        partitions=partitions,
        device_types=frozenset(settings.device_types),
        clock_skew_past=settings.clock_skew_past,
        session_timeout=settings.session_timeout,
        commit_interval=settings.commit_interval,
        idle_control_interval=settings.idle_control_interval,
        stall_timeout=settings.stall_timeout,
        max_batch_records=settings.max_batch_records,
        store_memory_mb=settings.store_memory_mb,
        least_free_mb=settings.least_free_mb,
        timeline_cap=settings.timeline_cap,
        retention=settings.retention,
        specs=tuple(specs_of(settings)),
        host=settings.processor_host,
        port=settings.processor_port,
        catalogue=settings.catalogue_path,
        registry_url=settings.schema_registry_url,
    )
