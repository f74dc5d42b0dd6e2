"""Prints what a command found: columns for people, JSON Lines for programs. No value is ever cut.

Every command that lists or reports uses it. On a terminal lines are a table where it fits, else a
block each; elsewhere a line each with tabs between the cells.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.logs.printable import LINES, printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

L = TypeVar("L", bound="DataclassInstance")

AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="One JSON object a line on standard output; all else to standard error."
    ),
]

_LEAST_PROSE: Final = 16
"""Below so many columns for a sentence, a table is harder to read than blocks."""


@dataclass(frozen=True, slots=True)
class Column(Generic[L]):
    """What people see of a line. ``prose`` may be wrapped between words, a value never."""

    heading: str
    cell: Callable[[L], str]
    prose: bool = False


class PeoplesConsole(Console):
    """A console whose reader may go away: the writer gets an exception, and later writes are
    silent."""

    def on_broken_pipe(self) -> None:
        """Rich would end the thread that wrote, which may be one of many."""
        self.quiet = True
        raise BrokenPipeError


class Report:
    """The output of a command; with ``as_json`` standard output holds only JSON."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def lines(self, lines: Iterable[L], columns: Sequence[Column[L]]) -> None:
        """Print findings of one kind."""
        if self._as_json:
            self.objects(lines)
        else:
            print_lines(lines, columns, self.console())

    def line(self, line: DataclassInstance, sentence: str) -> None:
        """Print one finding, which people see as a sentence."""
        if self._as_json:
            print_json(line)
        else:
            typer.echo(printable(sentence, keep=LINES))

    def objects(self, lines: Iterable[DataclassInstance]) -> None:
        """Print findings for programs only; people see a sum."""
        if self._as_json:
            for line in lines:
                print_json(line)

    def console(self) -> Console:
        """The console for people."""
        return PeoplesConsole(stderr=self._as_json)

    def say(self, sentence: str) -> None:
        """Print a sentence for people."""
        typer.echo(sentence, err=self._as_json)


def print_json(line: DataclassInstance) -> None:
    """Print one object on one line, in ASCII: no terminal and no encoding changes it."""
    sys.stdout.write(json.dumps(asdict(line)) + "\n")


def print_lines(lines: Iterable[L], columns: Sequence[Column[L]], console: Console) -> None:
    """Print the lines as ``console`` has room for them; a file gets every cell whole between
    tabs."""
    rows = ([printable(column.cell(line)) for column in columns] for line in lines)
    headings = [column.heading for column in columns]
    if not console.file.isatty():
        console.file.writelines("\t".join(cells) + "\n" for cells in chain([headings], rows))
        return
    found = list(rows)
    widths = table_widths([headings, *found], [column.prose for column in columns], console.width)
    if widths is None:
        _print_blocks(found, headings, console)
    else:
        console.print(_table(found, headings, widths))


def table_widths(
    rows: Sequence[Sequence[str]], prose: Sequence[bool], space: int
) -> list[int] | None:
    """Columns wide enough for every value, sentences sharing the rest; None where there is too
    little ``space``, in terminal columns."""
    wanted = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    widths = [
        min(whole, max(_LEAST_PROSE, *map(_longest_word, column))) if wraps else whole
        for whole, wraps, column in zip(wanted, prose, zip(*rows, strict=True), strict=True)
    ]
    rest = space - sum(widths) - 3 * len(widths) - 1
    if rest < 0:
        return None
    while rest and (short := [n for n, width in enumerate(widths) if width < wanted[n]]):
        widths[min(short, key=widths.__getitem__)] += 1
        rest -= 1
    return widths


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _table(rows: Sequence[Sequence[str]], headings: Sequence[str], widths: Sequence[int]) -> Table:
    table = Table()
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, width=width)
    for cells in rows:
        table.add_row(*map(Text, cells))
    return table


def _print_blocks(rows: Sequence[Sequence[str]], headings: Sequence[str], console: Console) -> None:
    """Print one cell a line. The terminal itself wraps longer ones, so they are copied whole."""
    for cells in rows:
        for heading, cell in zip(headings, cells, strict=True):
            console.print(Text.assemble((f"{heading}: ", "bold"), cell), soft_wrap=True)
        console.print()


def encoded(data: bytes | None) -> str | None:
    """Base64, for a field whose name says so."""
    return None if data is None else base64.b64encode(data).decode()


def text_or_none(data: bytes | None) -> str | None:
    """The text that the bytes are, or None where they are none."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def pretty(line: Any) -> str:
    """One line's object over many lines, for people."""
    return json.dumps(asdict(line), indent=2, ensure_ascii=False)
