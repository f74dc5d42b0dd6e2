"""``make bench``: fold, reading only, this processor, Faust as documented, freshness; in one run.

Everything meets one local broker and the same events, one after the other, so the ratios hold
whatever machine this is. Options: ``--events N`` (default 300,000), ``--documented N`` (how many of
them Faust as documented is given, default all), ``--seconds S`` of freshness at 500 events a
second; ``--fold`` measures the fold alone, ``--pages`` the screen alone with ``--items N`` held
(default 1,000,000), both without a broker.

What takes longer is a command of its own: ``python -m bench.recovery``, ``bench.soak``,
``bench.sweep``, ``bench.compression`` (what gzip saves and costs),
``bench.forgetting`` (what is left on disk when everything falls due at once) and
``bench.steady`` (whether anything grows at a steady rate), each with ``--help``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import fold, freshness, pages, throughput
from bench.load import load
from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings


def main() -> None:
    """Measure and print; the same figures as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--documented", type=int)
    parser.add_argument("--seconds", type=float, default=30)
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
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        broker = LocalKafka(folder / "kafka", report=console.log)
        with broker:
            bootstrap = broker.bootstrap_servers
            ensure_topics(bootstrap, specs_of(Settings()))
            figures = measured(bootstrap, folder, asked, console.log)
    show(console, figures)
    print(json.dumps(figures | folding))


def measured(
    bootstrap: str, folder: Path, asked: argparse.Namespace, say: Callable[[str], None]
) -> dict[str, float]:
    """Events a second of each way, and milliseconds of freshness."""
    say(f"publishing {asked.events:,} events")
    published = load(bootstrap, asked.events).events
    say("reading only")
    figures = {"events": published, "reading_only": throughput.reading_only(bootstrap, published)}
    say("this processor")
    figures["processor"] = throughput.processor(bootstrap, folder / "processor", published)
    say("Faust as documented")
    documented = min(asked.documented or published, published)
    figures["faust_as_documented"] = throughput.documented(
        bootstrap, folder / "documented", documented
    )
    figures["ratio"] = figures["processor"] / figures["faust_as_documented"]
    say("freshness at 500 events/s")
    return figures | freshness.measure(bootstrap, folder / "freshness", asked.seconds)


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
    """What a page costs, and what it weighs."""
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


def show(console: Console, figures: dict[str, float]) -> None:
    """A table for people."""
    table = Table(title=f"One run, one broker, {figures['events']:,.0f} events")
    table.add_column("what")
    table.add_column("figure", justify="right")
    rows = {
        "reading only, events/s": f"{figures['reading_only']:,.0f}",
        "this processor, events/s": f"{figures['processor']:,.0f}",
        "Faust as documented, events/s": f"{figures['faust_as_documented']:,.0f}",
        "this processor / Faust as documented": f"{figures['ratio']:.1f}",
        "freshness p50 / p99 / max, ms": " / ".join(
            f"{figures[name]:,.0f}" for name in ("fresh_p50_ms", "fresh_p99_ms", "fresh_max_ms")
        ),
        "freshness samples, events/s beside them": (
            f"{figures['fresh_samples']:,.0f}, {figures['fresh_rate']:,.0f}"
        ),
    }
    for name, figure in rows.items():
        table.add_row(name, figure)
    console.print(table)


if __name__ == "__main__":
    main()
