"""``fdt export``: events, dead letters and the table as Parquet or CSV files for analysts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fdt.analysis.cut import Cut, Span, cut
from fdt.analysis.parallel import Told, work_off
from fdt.errors import RunFailed, UserError
from fdt.options import Processes
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from fdt.times import duration_ms
from schemas.identifiers import Eui64, InvalidIdentifier
from schemas.topics import DEAD_LETTERS, SOURCE_TOPICS, STATUS

if TYPE_CHECKING:
    from fdt.analysis.exports.export_folder import Manifest
    from fdt.analysis.exports.exporting import Exported, Task


@dataclass(frozen=True, slots=True)
class ExportLine:
    """What was exported of one partition."""

    topic: Annotated[str, "The topic."]
    partition: Annotated[int, "Its partition."]
    start: Annotated[int, "First offset that was read: where the last export ended."]
    end: Annotated[int, "First offset that was not read: the next export begins there."]
    read: Annotated[int, "Committed records among them; of the status topic, devices."]
    rows: Annotated[int, "Rows that were written: with `--owner`, the owner's."]
    missing: Annotated[
        int, "Offsets that were deleted after the last export and before this one: in no file."
    ]


LINES: Final = (ExportLine,)

_COLUMNS: Final[tuple[Column[ExportLine], ...]] = (
    Column("Topic", lambda line: line.topic),
    Column("Partition", lambda line: str(line.partition)),
    Column("From", lambda line: str(line.start)),
    Column("To", lambda line: str(line.end)),
    Column("Read", lambda line: str(line.read)),
    Column("Rows", lambda line: str(line.rows)),
    Column("Missing", lambda line: str(line.missing)),
)


class What(StrEnum):
    """What to export."""

    EVENTS = "events"
    DEAD_LETTERS = "dead-letters"
    TABLE = "table"


class As(StrEnum):
    """The format of the files."""

    PARQUET = "parquet"
    CSV = "csv"


_TOPICS: Final[dict[What, tuple[str, ...]]] = {
    What.EVENTS: tuple(SOURCE_TOPICS.values()),
    What.DEAD_LETTERS: (DEAD_LETTERS,),
    What.TABLE: (STATUS,),
}


def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go; an earlier export goes on.")],
    what: Annotated[
        list[What] | None,
        typer.Option("--only", help="events, dead-letters or table; may be repeated. Else all."),
    ] = None,
    format: Annotated[As, typer.Option(help="parquet (zstd) or csv.")] = As.PARQUET,
    owner: Annotated[
        str | None,
        typer.Option(help="Only what belongs to requests of this User ID: a supplier's own."),
    ] = None,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Write events, dead letters and the table as files, from where the last export ended.

    Workers may run meanwhile. Everything is of one moment: the offsets when the command began.
    """
    from fdt.analysis.exports.export_folder import Manifest, opened, save
    from projections.catalogue import BadCatalogue
    from schemas.registry import RegistryUnavailable

    settings, report = Settings(), Report(as_json)
    bootstrap = settings.require_brokers()
    wanted = Manifest(format.value, _owner(owner))
    asked = list(dict.fromkeys(what or What))
    now = cut(bootstrap, [topic for each in asked for topic in _TOPICS[each]])
    began = time.monotonic()
    lines = list[ExportLine]()
    try:
        with opened(folder, wanted) as manifest:
            pieces = _pieces(settings, folder, manifest, now)
            for done in work_off(_work, pieces, processes, "export"):
                lines.append(_note(manifest, now, done))
                save(folder, manifest)
    except BadCatalogue as error:
        raise UserError(str(error)) from error
    except RegistryUnavailable as error:
        raise UserError(f"The schema registry does not answer: {error}.") from error
    except OSError as error:
        raise RunFailed(
            f"The export ended early: {error}. What is complete is kept; run it again."
        ) from error
    report.lines(sorted(lines, key=lambda line: (line.topic, line.partition)), _COLUMNS)
    _tell(report, lines, time.monotonic() - began)


def _owner(text: str | None) -> str | None:
    try:
        return None if text is None else str(Eui64.parse(text))
    except InvalidIdentifier as error:
        raise UserError(f"--owner: {error}") from error


def _pieces(
    settings: Settings, folder: Path, manifest: Manifest, now: Cut
) -> Sequence[tuple[Task, int]]:
    """A task for each partition that has something new; the table is always made anew."""
    from fdt.analysis.exports.exporting import Task
    from fdt.analysis.exports.table_rows import TableTask

    common = (settings.require_brokers(), settings.schema_registry_url, folder)
    found: list[tuple[Task, int]] = []
    for span in now.spans:
        kind = (*common, manifest.format, manifest.owner)
        if span.topic == STATUS:
            retention_ms = duration_ms(settings.retention)
            task = TableTask(*kind, span, settings.catalogue_path, retention_ms)
            found.append((task, span.size))
        else:
            rest = _rest(manifest, now.ids[span.topic], span)
            found.append((Task(*kind, rest), rest.size))
    return found


def _rest(manifest: Manifest, topic_id: str, span: Span) -> Span:
    """What of a partition is not exported yet."""
    held = manifest.topics.get(span.topic, topic_id)
    if held != topic_id:
        raise UserError(
            f"{span.topic} was created anew since the last export: its offsets mean other records. "
            "Export into a new folder."
        )
    start = manifest.next_offsets.get(span.topic, {}).get(span.partition, span.start)
    if start > span.end:
        raise UserError(
            f"{span.name} ends at {span.end}, before {start}, up to where it was exported: the "
            "broker lost records. Export into a new folder."
        )
    return Span(span.topic, span.partition, max(start, span.start), span.end)


def _work(task: Task, told: Told) -> Exported:
    """One partition, in a process of its own."""
    from fdt.analysis.exports.exporting import export as export_events
    from fdt.analysis.exports.table_rows import TableTask, export_table

    return export_table(task, told) if isinstance(task, TableTask) else export_events(task, told)


def _note(manifest: Manifest, now: Cut, done: Exported) -> ExportLine:
    """Note in the manifest what is complete."""
    from fdt.analysis.exports.table_rows import TableExported

    span = done.span
    manifest.topics[span.topic] = now.ids[span.topic]
    missing = 0
    if isinstance(done, TableExported):
        manifest.table[span.partition] = {**done.covers, STATUS: span.end}
    else:
        reached = manifest.next_offsets.setdefault(span.topic, {})
        missing = max(0, span.start - reached.get(span.partition, span.start))
        reached[span.partition] = span.end
    return ExportLine(
        span.topic, span.partition, span.start, span.end, done.read, done.rows, missing
    )


def _tell(report: Report, lines: Sequence[ExportLine], took_s: float) -> None:
    read, rows = (sum(getattr(line, name) for line in lines) for name in ("read", "rows"))
    rate = read / max(took_s, 0.001)
    report.say(f"{read:,} read, {rows:,} rows written in {took_s:,.1f} s ({rate:,.0f}/s).")
    if gaps := list(_gaps(lines)):
        raise RunFailed(
            f"Deleted before they were exported, and in no file: {'; '.join(gaps)}. Export more "
            "often than FDT_EVENT_RETENTION and FDT_DEAD_LETTER_RETENTION delete."
        )


def _gaps(lines: Sequence[ExportLine]) -> Iterator[str]:
    for line in lines:
        if line.missing:
            first = line.start - line.missing
            yield f"{line.topic}[{line.partition}] offsets {first:,} to {line.start - 1:,}"
