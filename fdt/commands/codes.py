"""``fdt codes``: what native codes mean, and what another catalogue would change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Final

import typer

from fdt.errors import UserError
from fdt.manual.lifecycle_page import SOURCE_NAMES, confidence, markdown, short
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from projections.catalogue import (
    BadCatalogue,
    Catalogue,
    CodeRow,
    Difference,
    Meaning,
    differences,
    load_catalogue,
)
from projections.lifecycle import NO_STATUS, Status
from projections.rows import ForeignLayout


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One meaning of the catalogue."""

    source: Annotated[str, "Who sends the codes."]
    codes: Annotated[
        list[str],
        "The codes, such as `8F89/1`, with a message code only where it makes a difference; "
        "`E1101…` is every code that begins so.",
    ]
    status: Annotated[str | None, "The Processing Status; null where the code sets none."]
    reason: Annotated[str, "The Current Status Reason."]
    next_step: Annotated[str | None, "What to do next."]
    retryable: Annotated[bool, "Whether the request is worth repeating."]
    confidence: Annotated[float, "How sure the meaning is, from 0 to 1."]
    sources: Annotated[list[str], "Where the meaning was found: names in docs/lifecycle.md."]


@dataclass(frozen=True, slots=True)
class MeaningLine:
    """What one catalogue says of a code."""

    status: Annotated[str | None, "The Processing Status; null where the code sets none."]
    text: Annotated[str, "The Current Status Reason."]
    next_step: Annotated[str | None, "What to do next."]
    retryable: Annotated[bool, "Whether the request is worth repeating."]
    proof: Annotated[bool, "Whether it proves an activation."]
    quotes_detail: Annotated[bool, "Whether the reason ends with the report's own detail."]


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """With `--compare`: one code that the file reads otherwise."""

    source: Annotated[str, "Who sends the code."]
    code: Annotated[str, "The code."]
    before: Annotated[MeaningLine | None, "What it means now; null: unknown, a dead letter."]
    after: Annotated[MeaningLine | None, "What it means in the file; null as before."]


@dataclass(frozen=True, slots=True)
class ItemLine:
    """With `--rows`: one item that would change."""

    device_id: Annotated[str, "The device."]
    service_request_id: Annotated[str, "The request."]
    status_before: Annotated[str, "The Processing Status now."]
    status_after: Annotated[str, "That under the file; the same where only the evidence changes."]


LINES: Final = (CodeLine, DifferenceLine, ItemLine)

_NO_STATUS: Final = "(none)"


_CODE_COLUMNS: Final[tuple[Column[CodeLine], ...]] = (
    Column("Source", lambda line: line.source),
    Column("Code", lambda line: ", ".join(line.codes), prose=True),
    Column("Processing Status", lambda line: line.status or _NO_STATUS, prose=True),
    Column("Reason", lambda line: line.reason, prose=True),
    Column("What to do next", lambda line: line.next_step or "", prose=True),
    Column("Sure", lambda line: confidence(line.confidence)),
)

_DIFFERENCE_COLUMNS: Final[tuple[Column[DifferenceLine], ...]] = (
    Column("Source", lambda line: line.source),
    Column("Code", lambda line: line.code),
    Column("In force", lambda line: _told(line.before, line.after), prose=True),
    Column("In the file", lambda line: _told(line.after, line.before), prose=True),
)


def codes(
    file: Annotated[
        Path | None, typer.Argument(help="A catalogue to look at; without it the one in force.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Say what FILE reads otherwise than the one in force.")
    ] = False,
    rows: Annotated[
        bool, typer.Option("--rows", help="Say which stored rows FILE would change.")
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The text of docs/lifecycle.md.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List and check a code catalogue; say what another one would change."""
    settings = Settings()
    if (compare or rows) and file is None:
        raise UserError("Name the catalogue to compare: fdt codes FILE --compare.")
    if as_markdown and as_json:
        raise UserError("--markdown and --json are two forms: ask for one.")
    report = Report(as_json)
    try:
        in_force = load_catalogue(settings.catalogue_path)
        asked = in_force if file is None else load_catalogue(file)
        if as_markdown:
            typer.echo(markdown(asked), nl=False)
        elif compare or rows:
            _compare(report, in_force, asked)
        else:
            _list(report, asked)
        if rows:
            _rows(report, settings, asked)
    except BadCatalogue as error:
        raise UserError(str(error)) from error
    except ForeignLayout as error:
        raise UserError(f"The stored rows are another version's: {error}.") from error


def _list(report: Report, catalogue: Catalogue) -> None:
    report.lines(map(_line, catalogue.rows), _CODE_COLUMNS)
    report.say(f"Catalogue {catalogue.version}: {len(catalogue.rows)} meanings, no error.")


def _compare(report: Report, in_force: Catalogue, asked: Catalogue) -> None:
    found = differences(in_force, asked)
    report.lines(map(_difference, found), _DIFFERENCE_COLUMNS)
    report.say(f"{asked.version} reads {len(found)} codes otherwise than {in_force.version}.")


def _rows(report: Report, settings: Settings, catalogue: Catalogue) -> None:
    """Each item that would change, then the sums; the rows are those of the status topic."""
    from fdt.analysis.status_rows import stored_rows
    from projections.questions.revision import revised
    from runtime.access.schema_registry import registry
    from schemas.codec import Codec

    codec = Codec(registry(settings.schema_registry_url))
    read, changed, moves = 0, 0, Counter[str]()
    for device, state in stored_rows(settings.require_brokers(), codec):
        read += 1
        found = revised(state, catalogue)
        if found is None:
            continue
        changed += 1
        for item in found:
            moves[str(item)] += 1
            labels = (item.before.label, item.after.label)
            report.line(
                ItemLine(device, item.request_id, *labels), f"{device} {item.request_id} {item}"
            )
    report.say(f"{changed} of {read} stored rows would change, and {moves.total()} of their items:")
    for move, times in moves.most_common():
        report.say(f"{times:>8} {move}")


def _line(row: CodeRow) -> CodeLine:
    return CodeLine(
        source=SOURCE_NAMES[row.keys[0].source],
        codes=[str(key) for key in short(row.keys)],
        status=_label(row.meaning),
        reason=row.meaning.text,
        next_step=row.meaning.next_step,
        retryable=row.meaning.retryable,
        confidence=row.confidence,
        sources=list(row.sources),
    )


def _difference(found: Difference) -> DifferenceLine:
    source, code = SOURCE_NAMES[found.key.source], str(found.key)
    return DifferenceLine(source, code, _meaning(found.before), _meaning(found.after))


def _meaning(meaning: Meaning | None) -> MeaningLine | None:
    if meaning is None:
        return None
    return MeaningLine(
        status=_label(meaning),
        text=meaning.text,
        next_step=meaning.next_step,
        retryable=meaning.retryable,
        proof=meaning.proof,
        quotes_detail=meaning.quotes_detail,
    )


def _told(meaning: MeaningLine | None, other: MeaningLine | None) -> str:
    """A meaning as far as it differs from the other one."""
    if meaning is None:
        return "unknown: to the dead letters"
    if other is None or other.status != meaning.status:
        return meaning.status or _NO_STATUS
    names = (field.name for field in fields(MeaningLine))
    changed = [name for name in names if getattr(meaning, name) != getattr(other, name)]
    return "; ".join(f"{name}: {getattr(meaning, name)}" for name in changed)


def _label(meaning: Meaning) -> str | None:
    return None if meaning.status == NO_STATUS else Status(meaning.status).label
