"""``fdt verify``: events, status topic, the processor's table and the read side's view agree."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fdt.analysis.cut import Cut, cut
from fdt.analysis.parallel import Told, work_off
from fdt.analysis.replays.table_folder import NOTE
from fdt.commands.process import config_of
from fdt.errors import RunFailed, UserError
from fdt.options import Partitions, Processes, numbers
from fdt.processes.one_at_a_time import one_at_a_time
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from runtime.logs.program import begin as begin_log
from schemas.topics import SOURCE_TOPICS, STATUS

if TYPE_CHECKING:
    from fdt.analysis.proof.verifying import Verdict, VerifyTask, Wrong

_FOLDER: Final = "verify"
_LOCK: Final = "verify.lock"


@dataclass(frozen=True, slots=True)
class VerifiedLine:
    """What came out for one partition, in rows."""

    partition: Annotated[int, "Its number."]
    cut: Annotated[int, "End of the status partition when it was looked at: the cut."]
    made: Annotated[int, "Rows made from the events up to the cut."]
    topic: Annotated[int, "Rows in the status topic."]
    store: Annotated[int | None, "Rows in the processor's store; null without it."]
    store_at: Annotated[int | None, "Offset of the status topic up to which the store was."]
    view: Annotated[int | None, "Rows in the read side's view; null without it."]
    view_at: Annotated[int | None, "Offset of the status topic up to which the view was."]
    wrong: Annotated[int, "Devices of which one of them has another row than it should."]
    miscounted: Annotated[bool, "Whether the topic's last control record counts other rows."]
    digest: Annotated[str, "SHA-256 over all devices and rows made from the events, in order."]


@dataclass(frozen=True, slots=True)
class WrongLine:
    """One device whose rows do not agree."""

    partition: Annotated[int, "Its partition."]
    device_id: Annotated[str, "The device."]
    copies: Annotated[list[str], "Who is wrong: `topic`, `store`, `view`."]
    what: Annotated[str, "What is wrong in each."]
    decided_by: Annotated[str | None, "The event that decides: topic, partition, offset, event ID."]


@dataclass(frozen=True, slots=True)
class MiscountedLine:
    """One request that the read side's view counts otherwise than its lists show it."""

    service_request_id: Annotated[str | None, "The request; null for the counts of everything."]


LINES: Final = (VerifiedLine, WrongLine, MiscountedLine)

_VERIFIED: Final[tuple[Column[VerifiedLine], ...]] = (
    Column("Partition", lambda line: str(line.partition)),
    Column("Cut", lambda line: str(line.cut)),
    Column("Made", lambda line: str(line.made)),
    Column("Topic", lambda line: str(line.topic)),
    Column("Store", lambda line: "" if line.store is None else str(line.store)),
    Column("View", lambda line: "" if line.view is None else str(line.view)),
    Column("Wrong", lambda line: str(line.wrong)),
    Column("Digest", lambda line: line.digest),
)
_WRONG: Final[tuple[Column[WrongLine], ...]] = (
    Column("Partition", lambda line: str(line.partition)),
    Column("Device", lambda line: line.device_id),
    Column("Wrong", lambda line: " ".join(line.copies)),
    Column("What", lambda line: line.what, prose=True),
    Column("Decided by", lambda line: line.decided_by or "", prose=True),
)
_MISCOUNTED: Final[tuple[Column[MiscountedLine], ...]] = (
    Column("Miscounted", lambda line: line.service_request_id or "everything"),
)


class Without(StrEnum):
    """What is not compared."""

    STORE = "store"
    VIEW = "view"


def verify(
    partition: Partitions = None,
    without: Annotated[
        list[Without] | None,
        typer.Option(help="store or view: where its data folder is on another machine."),
    ] = None,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Hold events, status topic, the processor's table and the read side's view against each other.

    Everything may run meanwhile, and nothing is written. Rows are named where one of the four is
    wrong, each with the event that decides.
    """
    from processor.partition.status_log import LogUnavailable
    from processor.rebuild.rebuilding import EventsMissing
    from processor.topics import TopicsUnfit
    from projections.catalogue import BadCatalogue

    settings, report = Settings(), Report(as_json)
    begin_log(logging.ERROR)
    now = cut(settings.require_brokers(), [*SOURCE_TOPICS.values(), STATUS])
    found: list[Verdict] = []
    try:
        with _alone(settings.data_dir) as folder:
            tasks = list(_tasks(settings, now, folder, partition, without or []))
            found += work_off(_work, tasks, processes, "verify")
    except (TopicsUnfit, BadCatalogue) as error:
        raise UserError(str(error)) from error
    except EventsMissing as error:
        raise UserError(f"{error}: so nothing is proved. --partition leaves it out.") from error
    except (OSError, LogUnavailable) as error:
        raise RunFailed(f"It ended early: {error}. It can be run again.") from error
    found.sort(key=lambda one: one.number)
    report.lines(map(_line, found), _VERIFIED)
    wrong = [_wrong(one.number, each) for one in found for each in one.wrong]
    if wrong:
        report.lines(wrong, _WRONG)
    requests = [MiscountedLine(each or None) for one in found for each in one.miscounted_requests]
    if requests:
        report.lines(requests, _MISCOUNTED)
    _tell(report, found, len(wrong), len(requests))


@contextmanager
def _alone(data_dir: Path) -> Iterator[Path]:
    """A folder for the tables that are made, locked meanwhile.

    After a failure it stays: its notes find a record that kills the process.
    """
    folder = data_dir / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(
        data_dir / _LOCK, f"Another fdt verify runs in {data_dir}: wait for its end."
    ):
        yield folder
        shutil.rmtree(folder)


def _tasks(
    settings: Settings,
    now: Cut,
    folder: Path,
    asked: Sequence[int] | None,
    without: Sequence[Without],
) -> Iterator[tuple[VerifyTask, int]]:
    """A task for each partition, with its size."""
    from fdt.analysis.proof.verifying import task_of

    partitions = len(now.of(STATUS))
    wanted = numbers(asked, partitions)
    config = config_of(settings, settings.require_brokers(), partitions)
    view = None if Without.VIEW in without else _view(settings)
    for number in wanted:
        stores = () if Without.STORE in without else _stores(settings, number)
        task = task_of(config, now, number, folder, stores, view, counts=number == wanted[0])
        yield task, task.size


def _stores(settings: Settings, number: int) -> tuple[Path, ...]:
    """Every worker's store of a partition: the newest is the owner's."""
    found = [
        path
        for path in sorted(settings.data_dir.glob(f"*/partition-{number}/CURRENT"))
        if not (path.parents[1] / NOTE).exists()  # a table of fdt replay
    ]
    if not found:
        raise UserError(
            f"No worker's store of partition {number} is below {settings.data_dir}: set "
            "FDT_DATA_DIR to the workers' folder, or leave the table out: --without store."
        )
    return tuple(path.parent for path in found)


def _view(settings: Settings) -> Path:
    folder = settings.data_dir / settings.read_view_name
    if not (folder / "CURRENT").exists():
        raise UserError(
            f"There is no view in {folder}: set FDT_DATA_DIR and FDT_READ_VIEW_NAME to the read "
            "side's, or leave the view out: --without view."
        )
    return folder


def _work(task: VerifyTask, told: Told) -> Verdict:
    """One partition, in a process of its own."""
    from fdt.analysis.proof.verifying import verify as verify_partition

    begin_log(logging.ERROR)
    return verify_partition(task, told)


def _line(one: Verdict) -> VerifiedLine:
    return VerifiedLine(
        partition=one.number,
        cut=one.cut,
        made=one.made,
        topic=one.held,
        store=one.store,
        store_at=one.store_at,
        view=one.view,
        view_at=one.view_at,
        wrong=len(one.wrong),
        miscounted=one.miscounted,
        digest=one.digest,
    )


def _wrong(number: int, one: Wrong) -> WrongLine:
    return WrongLine(number, one.device, list(one.copies), one.what, one.decided_by)


def _tell(report: Report, found: Sequence[Verdict], wrong: int, requests: int) -> None:
    """Print the result; exit code 1 if something differs."""
    miscounted = [str(one.number) for one in found if one.miscounted]
    if miscounted:
        report.say(f"The row count is wrong in partition {', '.join(miscounted)}.")
    if requests:
        report.say(f"The view counts {requests} requests otherwise than its lists show them.")
    if wrong or miscounted or requests:
        raise RunFailed(
            f"{wrong:,} devices do not agree. A wrong topic: stop the workers, then 'fdt rebuild'. "
            "A wrong store or view: stop its process, remove its folder, and start it again."
        )
    report.say(f"All agree: {sum(one.made for one in found):,} rows.")
