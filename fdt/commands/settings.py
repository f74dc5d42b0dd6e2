"""``fdt settings``: prints the settings in force, with every secret hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from fdt.errors import UserError
from fdt.report import AsJson, Column, Report
from fdt.settings import HIDDEN, Settings, listing, markdown


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting."""

    variable: Annotated[str, "The environment variable."]
    value: Annotated[str | None, "The value in force, as the environment would give it."]
    hidden: Annotated[bool, f"Whether it is, or holds, a secret: `{HIDDEN}` stands for that."]
    description: Annotated[str, "What it does."]


LINES: Final = (SettingLine,)

_COLUMNS: Final[tuple[Column[SettingLine], ...]] = (
    Column("Variable", lambda line: line.variable),
    Column("Value", lambda line: line.value or ""),
    Column("What it does", lambda line: line.description, prose=True),
)


def settings(
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The text of docs/settings.md: names and defaults.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print every setting with its value and what it does."""
    if as_markdown and as_json:
        raise UserError("--markdown and --json are two forms: ask for one.")
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    lines = (
        SettingLine(variable, value or None, HIDDEN in value, description)
        for variable, value, description in listing(Settings())
    )
    Report(as_json).lines(lines, _COLUMNS)
