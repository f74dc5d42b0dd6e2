"""The output of ``fdt up``: prefixed lines of every program, and items by status.

On a terminal the counts are a table below the lines; elsewhere a line with them is printed every
few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fdt.report import Column, L, print_lines
from fdt.up.gauges import Gauges
from runtime.logs.program import relayed

LINE_SECONDS: Final = 5.0

_COLOURS: Final = ("cyan", "green", "magenta", "yellow", "blue", "red")
_NAME_WIDTH: Final = 11


class Display:
    """The one output of ``fdt up``; safe for many threads."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._colours: dict[str, str] = {}
        self._next_line = 0.0
        # A file into which colours are forced still cannot be redrawn.
        live = console.is_terminal and console.file.isatty()
        self._live = Live(console=console, refresh_per_second=4) if live else None

    def say(self, name: str, line: str) -> None:
        """One line of or about a program."""
        if relayed(name, line):
            return
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        prefix = Text(f"{name:<{_NAME_WIDTH}}| ", style=colour)
        self._console.print(prefix + Text.from_ansi(line), soft_wrap=True)

    def tell(self, text: str) -> None:
        """Print a line of our own."""
        self._console.print(Text(text), soft_wrap=True)

    def lines(self, lines: Iterable[L], columns: Sequence[Column[L]]) -> None:
        """Print lines of our own, in columns."""
        print_lines(lines, columns, self._console)

    def show(self, gauges: Gauges | None) -> None:
        """The present counts."""
        if self._live is not None:
            self._live.update(counts_table(gauges))
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            self.say("items", counts_line(gauges))

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()


def counts_table(gauges: Gauges | None) -> Table:
    """Every status with its count, then the sum and the lag."""
    table = Table(title="Items by Processing Status", show_footer=gauges is not None)
    table.add_column("Processing Status", footer="Total")
    table.add_column("Items", justify="right", footer="" if gauges is None else f"{gauges.total:,}")
    if gauges is None:
        table.add_row("the read side is not ready", "")
        return table
    for status, count in gauges.items.items():
        table.add_row(status, f"{count:,}", style="dim" if count == 0 else "")
    table.caption = _lag(gauges)
    return table


def counts_line(gauges: Gauges | None) -> str:
    """The same on one line, without the statuses that nothing has."""
    if gauges is None:
        return "the read side is not ready"
    counts = [f"{status} {count:,}" for status, count in gauges.items.items() if count]
    return "; ".join([f"{gauges.total:,} in all", *counts, _lag(gauges)])


def _lag(gauges: Gauges) -> str:
    return "lag unknown" if gauges.lag is None else f"lag {gauges.lag:,} records"
