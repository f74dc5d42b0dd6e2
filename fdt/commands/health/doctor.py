"""``fdt doctor``: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import typer

from fdt.errors import UserError
from fdt.kafka.rights import USERS
from fdt.report import AsJson, Column, Report
from runtime.logs.program import begin as begin_log


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One thing that was looked at."""

    check: Annotated[str, "What was looked at: a check may find several things."]
    state: Annotated[
        Literal["ok", "warning", "failure", "not-configured", "not-checked"],
        "`not-configured`: nobody asked for it; `not-checked`: it could not be looked at, for the "
        "reason in `found`.",
    ]
    found: Annotated[str, "What was seen."]
    mend: Annotated[str | None, "How to mend it; null where nothing is to be mended."]


LINES: Final = (FindingLine,)

_COLUMNS: Final[tuple[Column[FindingLine], ...]] = (
    Column("Check", lambda line: line.check),
    Column("State", lambda line: line.state.replace("-", " "), prose=True),
    Column("Found", lambda line: line.found, prose=True),
    Column("How to mend it", lambda line: line.mend or "", prose=True),
)


def doctor(
    component: Annotated[
        str | None,
        typer.Option(
            "--component", help="Whose rights are looked at: worker, read-side, …; else anybody's."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 for a warning too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look at everything a program with these settings needs; change nothing."""
    from fdt.doctor.table import examined

    if component is not None and component not in USERS:
        raise UserError(f"There is no component {component}: name one of {', '.join(USERS)}.")
    begin_log(logging.CRITICAL)
    report = Report(as_json)
    lines = [
        FindingLine(check, one.state, one.found, one.mend) for check, one in examined(component)
    ]
    report.lines(lines, _COLUMNS)
    counts = Counter(line.state for line in lines)
    report.say(f"Failures: {counts['failure']}, warnings: {counts['warning']}, ok: {counts['ok']}.")
    if counts["failure"] or (strict and counts["warning"]):
        raise typer.Exit(1)
