"""``fdt replay``: events of a range read again, or folded into a fresh table."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fdt.analysis.cut import Cut, Span, cut
from fdt.analysis.parallel import Told, work_off
from fdt.analysis.replays.ranges import Range, Wanted, ranges
from fdt.commands.process import config_of
from fdt.errors import RunFailed, UserError
from fdt.options import Processes, identifier
from fdt.processes.programs import MOST_WORKERS
from fdt.report import AsJson, Column, Report, text_or_none
from fdt.settings import DEVICE_TYPES, Settings
from fdt.times import milliseconds, time_of
from runtime.logs import durations
from runtime.logs.program import begin as begin_log
from schemas.identifiers import DeviceId, ServiceRequestId
from schemas.partitioning import partition_of
from schemas.topics import SOURCE_TOPICS, STATUS
from sources.wire import rfc3339

if TYPE_CHECKING:
    from fdt.analysis.replays.events import Event
    from fdt.analysis.replays.folding import Change, Folded, FoldTask
    from fdt.analysis.replays.table_folder import Live, Note
    from processor.config import ProcessorConfig


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event, without `--table`."""

    topic: Annotated[str, "The topic."]
    partition: Annotated[int, "Its partition there."]
    offset: Annotated[int, "Its offset there."]
    received_at: Annotated[str, "When the broker received it (RFC 3339, UTC)."]
    key: Annotated[str | None, "The key; null where there is none, or it is no UTF-8."]
    record: Annotated[dict[str, Any] | None, "The event as published, times in milliseconds."]
    problem: Annotated[str | None, "Why it cannot be read; null where it can."]


@dataclass(frozen=True, slots=True)
class ReplayedLine:
    """What came out for one partition, of `--table`."""

    partition: Annotated[int, "Its number."]
    read: Annotated[int, "Events that were read."]
    folded: Annotated[int, "Those that were folded."]
    refused: Annotated[int, "Those that would be dead letters."]
    rows: Annotated[int, "Devices in the table."]
    digest: Annotated[str, "SHA-256 over all devices and rows, in order."]
    expired: Annotated[int, "Offsets that were asked for and that the broker has no more."]


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """One item that the rules of the replay show otherwise, of `--compare`."""

    device_id: Annotated[str, "The device."]
    service_request_id: Annotated[str, "The request."]
    before: Annotated[str | None, "Its status now; null where it is not shown."]
    after: Annotated[str | None, "Its status under the rules of the replay."]
    decided_by: Annotated[str, "The event that its status rests on."]


LINES: Final = (EventLine, ReplayedLine, ChangedLine)

_EVENTS: Final[tuple[Column[EventLine], ...]] = (
    Column("Received", lambda line: line.received_at),
    Column("Topic", lambda line: line.topic),
    Column("Place", lambda line: f"{line.partition}:{line.offset}"),
    Column("Device", lambda line: str((line.record or {}).get("device_id") or line.key or "")),
    Column("Request", lambda line: str((line.record or {}).get("service_request_id") or "")),
    Column("Code", lambda line: str((line.record or {"code": ""}).get("code", "RESET"))),
    Column("Problem", lambda line: line.problem or "", prose=True),
)
_REPLAYED: Final[tuple[Column[ReplayedLine], ...]] = (
    Column("Partition", lambda line: str(line.partition)),
    Column("Read", lambda line: str(line.read)),
    Column("Folded", lambda line: str(line.folded)),
    Column("Refused", lambda line: str(line.refused)),
    Column("Rows", lambda line: str(line.rows)),
    Column("Digest", lambda line: line.digest),
    Column("Expired", lambda line: str(line.expired)),
)
_CHANGED: Final[tuple[Column[ChangedLine], ...]] = (
    Column("Device", lambda line: line.device_id),
    Column("Request", lambda line: line.service_request_id),
    Column("Before", lambda line: line.before or "", prose=True),
    Column("After", lambda line: line.after or "", prose=True),
    Column("Decided by", lambda line: line.decided_by, prose=True),
)


_Since = Annotated[
    str | None, typer.Option("--from", help="Received at or after this time (RFC 3339).")
]
_Until = Annotated[str | None, typer.Option("--to", help="Received before this time (RFC 3339).")]
_Spans = Annotated[
    list[str] | None, typer.Option(help="Offsets, as topic:partition:start-end; may be repeated.")
]
_Device = Annotated[str | None, typer.Option(help="Only this Device ID; without --table.")]
_Request = Annotated[str | None, typer.Option(help="Only this request; without --table.")]
_Table = Annotated[Path | None, typer.Option(help="Fold them into a fresh table in this folder.")]
_Catalogue = Annotated[
    Path | None, typer.Option(help="What if: another code catalogue, with --table.")
]
_Days = Annotated[
    float | None, typer.Option(min=0.001, help="What if: another retention, with --table.")
]
_Types = Annotated[
    str | None, typer.Option(help="What if: other types, such as ESME,PPMID, with --table.")
]
_Compare = Annotated[
    bool,
    typer.Option("--compare", help="With --table: the items that are shown otherwise now."),
]
_StatusTopic = Annotated[
    str | None, typer.Option(help="With --table: publish its rows to a new topic of this name.")
]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules that are asked for instead of those in force."""

    catalogue: Path | None
    retention_days: float | None
    device_types: str | None

    def applied(self, config: ProcessorConfig) -> ProcessorConfig:
        """``config`` with these rules."""
        if self.catalogue is not None:
            config = replace(config, catalogue=self.catalogue)
        if self.retention_days is not None:
            config = replace(config, retention=timedelta(days=self.retention_days))
        if self.device_types is not None:
            types = frozenset(each.strip().upper() for each in self.device_types.split(","))
            if unknown := sorted(types - set(DEVICE_TYPES)):
                known = ", ".join(DEVICE_TYPES)
                raise UserError(f"--device-types: {unknown[0]} is none of {known}.")
            config = replace(config, device_types=types)
        return config

    @property
    def are_asked(self) -> bool:
        """Whether any rule is asked for."""
        return any((self.catalogue, self.retention_days, self.device_types))


def replay(
    since: _Since = None,
    until: _Until = None,
    span: _Spans = None,
    device: _Device = None,
    request: _Request = None,
    table: _Table = None,
    catalogue: _Catalogue = None,
    retention_days: _Days = None,
    device_types: _Types = None,
    compare: _Compare = False,
    status_topic: _StatusTopic = None,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Read the events of a range again, oldest first; with --table fold them by the same rules.

    Everything may run meanwhile, and no live topic is written. A replay into a table that was ended
    goes on where it was when it is asked for again.
    """
    settings, report = Settings(), Report(as_json)
    begin_log(logging.ERROR)
    rules = _Rules(catalogue, retention_days, device_types)
    if table is None and (rules.are_asked or compare or status_topic):
        raise UserError(
            "Other rules, --compare and --status-topic are of a table: name its folder with "
            "--table."
        )
    if table is not None and (device or request):
        raise UserError("A table is of all devices: leave out --device and --request.")
    if span and (since or until):
        raise UserError("Say a range by --from and --to, or by --span.")
    now = cut(settings.require_brokers(), [*SOURCE_TOPICS.values(), STATUS])
    first, last = time_of("--from", since), time_of("--to", until)
    wanted = Wanted(_ms(first), _ms(last), tuple(span or ()))
    config = config_of(settings, settings.require_brokers(), len(now.of(STATUS)))
    if table is not None:
        work = _Work(rules.applied(config), config, wanted, now, settings, compare, status_topic)
        _fold(report, work, table, processes)
        return
    of_device = None if device is None else identifier(DeviceId.parse, device)
    of_request = None if request is None else identifier(ServiceRequestId.parse, request)
    _tell_events(report, config, wanted, now, of_device, of_request)


def _tell_events(
    report: Report,
    config: ProcessorConfig,
    wanted: Wanted,
    now: Cut,
    device: DeviceId | None,
    request: ServiceRequestId | None,
) -> None:
    """The events, one a line."""
    from fdt.analysis.replays.events import events
    from processor.partition.status_log import LogUnavailable
    from schemas.registry import RegistryUnavailable

    if device is not None:
        wanted = replace(wanted, partition=partition_of(device, config.partitions))
    found = ranges(config.bootstrap, _events(now), wanted)
    try:
        report.lines(map(_event_line, events(config, found, device, request)), _EVENTS)
    except RegistryUnavailable as error:
        raise UserError(f"The schema registry does not answer: {error}.") from error
    except LogUnavailable as error:
        raise RunFailed(f"The replay ended early: {error}.") from error
    _tell_expired(report, found)


def _events(now: Cut) -> Cut:
    """The event topics of a cut."""
    return replace(now, spans=tuple(span for span in now.spans if span.topic != STATUS))


def _event_line(event: Event) -> EventLine:
    return EventLine(
        topic=event.topic,
        partition=event.partition,
        offset=event.record.offset,
        received_at=rfc3339(event.record.timestamp),
        key=text_or_none(event.record.key),
        record=event.fields,
        problem=event.problem,
    )


def _tell_expired(report: Report, found: Sequence[Range]) -> None:
    for one in found:
        if one.expired:
            report.say(
                f"{one.span.name}: {one.expired:,} offsets before {one.span.start} are deleted: "
                "what was in them is not in this replay."
            )


@dataclass(frozen=True, slots=True)
class _Work:
    """A replay into a table."""

    rules: ProcessorConfig
    in_force: ProcessorConfig
    wanted: Wanted
    now: Cut
    settings: Settings
    compares: bool
    scratch: str | None

    def live(self) -> Live:
        """Folders in which nothing may be written."""
        from fdt.analysis.replays.table_folder import Live

        workers = {f"worker-{number}" for number in range(MOST_WORKERS)}
        names = {self.settings.worker_name, self.settings.read_view_name, *workers}
        return Live(self.settings.data_dir, frozenset(names | {"run", "rebuild", "verify"}))

    def note(self, found: Sequence[Range]) -> Note:
        """The note for its folder."""
        from fdt.analysis.replays.table_folder import Note, SpanNote
        from projections.catalogue import load_catalogue

        rules, wanted = self.rules, self.wanted
        asked = {
            "from": str(wanted.since),
            "to": str(wanted.until),
            "spans": " ".join(wanted.spans),
            "catalogue": load_catalogue(rules.catalogue).version,
            "retention": durations.exactly(rules.retention // timedelta(milliseconds=1)),
            "device types": ",".join(sorted(rules.device_types)),
            "topics": " ".join(self.now.ids.values()),
        }
        if self.scratch is not None:
            asked["status topic"] = self.scratch
        spans = [*(one.span for one in found), *self.now.of(STATUS)]
        notes = [SpanNote(s.topic, s.partition, s.start, s.end) for s in spans]
        return Note(asked, notes, {one.span.name: one.expired for one in found if one.expired})

    def tasks(self, folder: Path, note: Note) -> Iterator[tuple[FoldTask, int]]:
        """One for each partition number, with its offsets."""
        from fdt.analysis.replays.folding import FoldTask

        spans = [Span(one.topic, one.partition, one.start, one.end) for one in note.spans]
        for number in range(self.rules.partitions):
            mine = [span for span in spans if span.partition == number]
            events = tuple(span for span in mine if span.topic != STATUS)
            (status,) = (span for span in mine if span.topic == STATUS)
            config = replace(self.rules, folder=folder, worker=f"replay-{number}")
            held = status if self.compares else None
            task = FoldTask(
                config, number, events, self.wanted.until, held, self.in_force, self.scratch
            )
            yield task, sum(span.size for span in events)


def _fold(report: Report, work: _Work, folder: Path, processes: int | None) -> None:
    from fdt.analysis.replays.scratch_topic import make_topic
    from fdt.analysis.replays.table_folder import NOTE, opened
    from processor.partition.status_log import LogUnavailable
    from processor.topics import TopicsUnfit
    from projections.catalogue import BadCatalogue

    found = ranges(work.rules.bootstrap, _events(work.now), work.wanted)
    done: list[Folded] = []
    goes_on = (folder / NOTE).exists()
    try:
        with opened(folder, work.live(), work.note(found)) as note:
            if work.scratch is not None:
                make_topic(work.settings, work.scratch, work.rules.partitions, goes_on=goes_on)
            done += work_off(_fold_one, list(work.tasks(folder, note)), processes, "replay")
            expired = note.expired
    except (TopicsUnfit, BadCatalogue) as error:
        raise UserError(str(error)) from error
    except (OSError, LogUnavailable) as error:
        raise RunFailed(f"The replay ended early: {error}. Run it again: it goes on.") from error
    done.sort(key=lambda one: one.number)
    report.lines((_replayed(one, expired) for one in done), _REPLAYED)
    for name, offsets in sorted(expired.items()):
        report.say(
            f"{name}: {offsets:,} offsets at its beginning are deleted, and not in the table."
        )
    if work.scratch is not None:
        report.say(f"{sum(one.rows for one in done):,} rows are in {work.scratch}.")
    if work.compares:
        changes = [_changed(change) for one in done for change in one.changes]
        report.lines(changes, _CHANGED)
        report.say(f"{len(changes):,} items would change.")


def _fold_one(task: FoldTask, told: Told) -> Folded:
    """One partition, in a process of its own."""
    from fdt.analysis.replays.folding import fold

    begin_log(logging.ERROR)
    return fold(task, told)


def _replayed(one: Folded, expired: Mapping[str, int]) -> ReplayedLine:
    gone = sum(n for name, n in expired.items() if name.endswith(f"[{one.number}]"))
    return ReplayedLine(
        partition=one.number,
        read=one.counts.get("read", 0),
        folded=one.counts.get("folded", 0),
        refused=one.counts.get("dead_lettered", 0),
        rows=one.rows,
        digest=one.digest,
        expired=gone + one.deleted,
    )


def _changed(change: Change) -> ChangedLine:
    return ChangedLine(
        change.device, change.request, change.before, change.after, change.decided_by
    )


def _ms(time: datetime | None) -> int | None:
    return None if time is None else milliseconds(time)
