"""``make bench``: the fold, and this processor beside its peers.

All contenders read the same events from local brokers of the same kind, in turns, so the ratios
hold on any machine. ``--quick`` takes less than five minutes: fewer events, one turn, the real load
alone. ``--write`` puts the table, the chart and the figures of the peers into docs. ``--fold``
measures the fold alone, ``--pages`` the screen alone with ``--items N`` held (default 1,000,000),
both without a broker.

What takes longer is a command of its own: ``python -m bench.recovery``, ``bench.soak``,
``bench.sweep``, ``bench.latency`` (how soon events are answered: a campaign of 50,000 devices, a
steady rate, a partition beside others' backlog), ``bench.growth`` (what the number of items held
costs), ``bench.compression`` (what gzip saves and costs), ``bench.forgetting`` (what is left on
disk when everything expires at once) and ``bench.steady`` (whether anything grows at a steady
rate), each with ``--help``.
"""

from __future__ import annotations

import argparse
import json
from typing import Final

from rich.console import Console
from rich.table import Table

from bench import fold, pages
from bench.peers import comparison

EVENTS: Final = 400_000
REPEAT: Final = 3
QUICK_EVENTS: Final = 100_000


def main() -> None:
    """Measure and print; the same figures as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int)
    parser.add_argument("--repeat", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true", help="docs: JSON, chart and table")
    parser.add_argument("--fold", action="store_true")
    parser.add_argument("--pages", action="store_true")
    parser.add_argument("--items", type=int, default=pages.ITEMS)
    asked = parser.parse_args()
    console = Console()
    if asked.pages:
        looking = pages.measure(asked.items, console.log)
        show_pages(console, looking)
        print(json.dumps(looking))
        return
    folding = fold.measure()
    show_fold(console, folding)
    if asked.fold:
        return
    events = asked.events or (QUICK_EVENTS if asked.quick else EVENTS)
    repeat = asked.repeat or (1 if asked.quick else REPEAT)
    loads = ("real",) if asked.quick else ("real", "fresh")
    found = comparison.measured(events, repeat, loads, console.log)
    for name, figures in found.items():
        console.print(comparison.table(name, figures))
    if asked.write:
        comparison.write(found, events, repeat)
    print(json.dumps(comparison.as_json(found, events, repeat) | {"fold": folding}))


def show_fold(console: Console, figures: dict[str, float]) -> None:
    """Microseconds by the number of records that the row holds."""
    table = Table("records in the row", "fold one more, µs", "make it ready to be written, µs")
    for length in fold.LENGTHS:
        table.add_row(
            str(length),
            f"{figures[f'fold_after_{length}_us']:.2f}",
            f"{figures[f'write_after_{length}_us']:.1f}",
        )
    console.print(table)


def show_pages(console: Console, figures: dict[str, float]) -> None:
    """Milliseconds and size of each page."""
    table = Table("page", "p50, ms", "p95, ms", title=f"{figures['page_items']:,.0f} items held")
    for what in ("search_request", "search_device", "filtered", "item"):
        table.add_row(what, *(f"{figures[f'{what}_{cut}_ms']:.1f}" for cut in ("p50", "p95")))
    console.print(table)
    console.print(
        f"a device of another's: {figures['foreign_p50_ms']:.2f} ms, "
        f"one that is not there: {figures['unknown_p50_ms']:.2f} ms (medians)"
    )
    console.print(
        f"a full page: {figures['page_kib']:.1f} KiB with cache, "
        f"{figures['page_and_files_kib']:.1f} KiB without"
    )


if __name__ == "__main__":
    main()
