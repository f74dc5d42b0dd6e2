"""``fdt rebuild``: makes the latest-status table anew from the event topics, and corrects it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fdt.commands.process import config_of
from fdt.errors import RunFailed, UserError
from fdt.kafka.groups import require_none
from fdt.options import Partitions, numbers
from fdt.processes.one_at_a_time import one_at_a_time
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from runtime.logs.program import begin as begin_log
from schemas.topics import STATUS

if TYPE_CHECKING:
    from processor.config import ProcessorConfig
    from processor.rebuild.rebuilding import Outcome
    from processor.topics import KafkaTopics

logger = logging.getLogger(__name__)

_FOLDER: Final = "rebuild"
_LOCK: Final = "rebuild.lock"
_AFTER_SESSION_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class PartitionLine:
    """What came out for one partition, in rows."""

    partition: Annotated[int, "Its number."]
    held: Annotated[int, "Rows in the table."]
    made: Annotated[int, "Rows made from the events."]
    changed: Annotated[int, "Rows that are not what the events say."]
    missing: Annotated[int, "Rows that the table lacks."]
    extra: Annotated[int, "Rows that the table should not have."]
    miscounted: Annotated[bool, "Whether the row count kept beside the table was wrong."]
    written: Annotated[bool, "Whether what differs was put right: not with `--check`."]


LINES: Final = (PartitionLine,)

_COLUMNS: Final[tuple[Column[PartitionLine], ...]] = (
    Column("Partition", lambda line: str(line.partition)),
    Column("Rows held", lambda line: str(line.held)),
    Column("Made", lambda line: str(line.made)),
    Column("Changed", lambda line: str(line.changed)),
    Column("Missing", lambda line: str(line.missing)),
    Column("Too many", lambda line: str(line.extra)),
)


def rebuild(
    partition: Partitions = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say what differs; workers may run meanwhile."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the table anew from the events and put right in the status topic what differs.

    The workers must be stopped, but for --check, which writes nothing and ends with exit code 1 if
    something differs.
    """
    from processor.partition.status_log import Fenced, LogFailed
    from processor.rebuild.rebuilding import EventsMissing
    from processor.topics import TopicsUnfit
    from projections.catalogue import BadCatalogue

    settings = Settings()
    bootstrap = settings.require_brokers()
    _say_only_progress()
    report = Report(as_json)
    outcomes: list[Outcome] = []
    try:
        with _scratch(settings.data_dir) as folder:
            outcomes.extend(_outcomes(settings, bootstrap, folder, partition, check))
    except (TopicsUnfit, BadCatalogue) as error:
        raise UserError(str(error)) from error
    except EventsMissing as error:
        raise UserError(
            f"{error}. Nothing of this partition was written; --partition leaves it out."
        ) from error
    except Fenced as error:
        raise RunFailed(
            f"A worker was started meanwhile ({error}): stop it, then again."
        ) from error
    except (OSError, LogFailed) as error:
        raise RunFailed(f"The rebuild ended early: {error}. It can be run again.") from error
    finally:
        if outcomes:
            report.lines((_line(one, check) for one in outcomes), _COLUMNS)
    _tell(report, outcomes, check)


def _say_only_progress() -> None:
    """Log only progress: the partitions' other messages are for operators of workers."""
    begin_log(logging.WARNING)
    logging.getLogger("processor.rebuild.progress").setLevel(logging.INFO)


@contextmanager
def _scratch(data_dir: Path) -> Iterator[Path]:
    """A folder for the two tables, locked meanwhile.

    Of a killed run its notes stay: they find a record that kills the process.
    """
    folder = data_dir / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(
        data_dir / _LOCK, f"Another fdt rebuild runs in {data_dir}: wait for its end."
    ):
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _outcomes(
    settings: Settings, bootstrap: str, folder: Path, asked: list[int] | None, check: bool
) -> Iterator[Outcome]:
    """The outcomes, one partition after the other; a refusal ends it, and earlier ones are done."""
    from processor.partition.status_log import LogUnavailable
    from processor.topics import KafkaTopics

    topics = KafkaTopics(bootstrap)
    try:
        partitions = topics.partitions()
    except LogUnavailable as error:
        raise UserError(
            f"{error}: start the broker, or correct KAFKA_BOOTSTRAP_SERVERS."
        ) from error
    wanted = numbers(asked, partitions)
    if not check:
        patience_s = settings.session_timeout.total_seconds() + _AFTER_SESSION_S
        require_none(bootstrap, settings.group_id, patience_s)
    config = replace(config_of(settings, bootstrap, partitions), folder=folder, worker=_FOLDER)
    for number in wanted:
        yield _rebuilt(config, topics, number, check)


def _rebuilt(config: ProcessorConfig, topics: KafkaTopics, number: int, check: bool) -> Outcome:
    from fdt.analysis.two_tables import two_tables
    from processor.assembly import Assembly
    from processor.partition.status_log import KafkaStatusLog
    from processor.rebuild.progress import Reporter
    from processor.rebuild.rebuilding import UnfencedLog

    progress = Reporter(lambda: None)
    kind = UnfencedLog if check else KafkaStatusLog
    log = kind(config.bootstrap, config.group_id, number)
    assembly = Assembly(config, topics, progress)
    with two_tables(config, assembly, number, log, progress) as (work, _):
        return work.run(write=not check)


def _line(one: Outcome, check: bool) -> PartitionLine:
    return PartitionLine(
        partition=one.partition,
        held=one.held,
        made=one.made,
        changed=one.changed,
        missing=one.missing,
        extra=one.extra,
        miscounted=one.miscounted,
        written=not check and not one.is_right,
    )


def _tell(report: Report, outcomes: list[Outcome], check: bool) -> None:
    """Print the result; exit code 1 if something still differs."""
    differing = sum(one.differing for one in outcomes)
    miscounted = [str(one.partition) for one in outcomes if one.miscounted]
    if miscounted:
        report.say(f"The row count was wrong in partition {', '.join(miscounted)}.")
    if all(one.is_right for one in outcomes):
        report.say("The table is what the events say.")
    elif check:
        raise RunFailed(
            f"{differing:,} rows are not what the events say: stop the workers, then run "
            "'fdt rebuild' to put them right."
        )
    else:
        report.say(f"{differing:,} rows were put right in {STATUS}.")
