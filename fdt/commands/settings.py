"""``fdt settings``: what the environment comes to, with every secret hidden."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdt.settings import Settings, listing, markdown


def settings(
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The text of docs/settings.md: names and defaults.")
    ] = False,
) -> None:
    """Print every setting with its value and what it does."""
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    table = Table("Variable", "Value", "What it does")
    for row in listing(Settings()):
        table.add_row(*map(Text, row))
    Console().print(table)
