"""This processor beside its peers, in one run on one broker: the first part of ``make bench``.

Two loads: *real* (the journeys of a simulation plan: copies, late, malformed records) and *fresh*
(every event about another device). Every contender reads the same topics from their beginning,
``--repeat`` times, in turns; the table gives the median and the spread. Our own figure counts only
if the table of the real load is as the plan says.

:func:`write` makes docs/peers.json, docs/peers.svg and the table in docs/performance.md.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from bench.load import PARTITIONS, Loaded, load, one_each, send
from bench.peers.chart import bars
from bench.peers.contenders import CONTENDERS, READING, Contender, Stage
from bench.peers.environments import NoCompiler
from bench.peers.running import Ran
from bench.read_side import serving
from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from fdt.up.plan_check import differences
from firmware_tracking_client import AuthenticatedClient

TIMELINES: Final = 1_000
"""Timelines held against the plan; statuses, times and evidence are compared for every item."""
CHECKED: Final = 1
"""The contender whose table is held against the plan before its figure counts."""
_DOCS: Final = Path(__file__).parent.parent.parent / "docs"
_BEGIN: Final = "<!-- peers: made by the bench -->"
_END: Final = "<!-- end of peers -->"

Figures = dict[str, list[Ran]]


class WrongTable(RuntimeError):
    """The table is not what the plan says, so its speed says nothing."""


def measured(
    events: int, repeat: int, loads: Sequence[str], say: Callable[[str], None]
) -> dict[str, Figures]:
    """Figures of every contender under each of these loads."""
    publish = {"real": lambda b: load(b, events), "fresh": lambda b: _fresh(b, events)}
    return {name: _under(publish[name], repeat, say) for name in loads}


def _fresh(bootstrap: str, events: int) -> Loaded:
    send(bootstrap, one_each(events))
    return Loaded(events)


def _under(publish: Callable[[str], Loaded], repeat: int, say: Callable[[str], None]) -> Figures:
    """Each contender in turns, on a broker of this load's own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with LocalKafka(folder / "kafka", report=say) as broker:
            bootstrap = broker.bootstrap_servers
            ensure_topics(bootstrap, specs_of(Settings()))
            loaded = publish(bootstrap)
            say(f"{loaded.events:,} events published")
            stage = Stage(bootstrap, broker.folder, folder, loaded.events, say)
            return _in_turns(stage, loaded, repeat)


def _in_turns(stage: Stage, loaded: Loaded, repeat: int) -> Figures:
    figures: Figures = {each.name: [] for each in CONTENDERS}
    for turn in range(repeat):
        for number, contender in enumerate(CONTENDERS):
            ran = _run(contender, stage, f"turn-{turn}-{number}")
            if ran is not None:
                figures[contender.name].append(ran)
            if turn == 0 and number == CHECKED:
                _check(stage, loaded)
    return {name: ran for name, ran in figures.items() if ran}


def _run(contender: Contender, stage: Stage, name: str) -> Ran | None:
    given = replace(stage, events=round(stage.events * contender.share))
    try:
        ran = contender.run(given, name)
    except NoCompiler as missing:
        stage.say(f"{contender.name}: left out, {missing}")
        return None
    stage.say(f"{contender.name}: {ran.rate:,.0f} events/s, {ran.cpu_us:.0f} µs")
    return ran


def _check(stage: Stage, loaded: Loaded) -> None:
    """The first run's table against the plan, over HTTP; :class:`WrongTable`."""
    if loaded.plan is None:
        return
    with serving(stage.bootstrap, stage.folder / "oracle", FDT_SEARCHES_PER_MINUTE="10000000") as (
        _,
        api,
    ):
        client = AuthenticatedClient(base_url=str(api.base_url), token="").set_httpx_client(api)
        wrong = differences(client, loaded.plan, loaded.base_ms, timelines=TIMELINES)
    if wrong:
        raise WrongTable(f"{len(wrong)} things differ from the plan, first: {wrong[0]}")
    stage.say(f"{len(loaded.plan.expected):,} items are as the plan says")


def table(load_name: str, figures: Figures) -> Table:
    """For people."""
    shown = Table(title=f"load {load_name}")
    for heading in _HEADINGS:
        shown.add_column(heading, justify="left" if heading == _HEADINGS[0] else "right")
    for row in _rows(figures):
        shown.add_row(*row)
    return shown


_HEADINGS: Final = (
    "contender",
    "events/s, median (least–most)",
    "CPU µs an event",
    "memory MiB",
    "disk MiB",
    "changelog bytes an event",
)


def _rows(figures: Figures) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{_middle(runs, 'rate'):,.0f} "
            f"({min(r.rate for r in runs):,.0f}–{max(r.rate for r in runs):,.0f})",
            *(
                f"{_middle(runs, field):,.0f}"
                for field in ("cpu_us", "memory_mib", "disk_mib", "changelog_bytes")
            ),
        )
        for name, runs in figures.items()
    ]


def _middle(runs: list[Ran], field: str) -> float:
    return float(statistics.median(getattr(run, field) for run in runs))


def as_json(found: dict[str, Figures], events: int, repeat: int) -> dict[str, Any]:
    """Everything that was measured, with the machine."""
    return {
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
        },
        "events": events,
        "partitions": PARTITIONS,
        "repeat": repeat,
        "loads": {
            name: {who: [asdict(run) for run in runs] for who, runs in figures.items()}
            for name, figures in found.items()
        },
        "does": {each.name: each.does for each in CONTENDERS},
    }


def write(found: dict[str, Figures], events: int, repeat: int) -> None:
    """JSON and chart into docs, the table between its two marks in docs/performance.md."""
    told = as_json(found, events, repeat)
    (_DOCS / "peers.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    rates = {
        name: {who: _middle(runs, "rate") for who, runs in figures.items() if who != READING}
        for name, figures in found.items()
    }
    (_DOCS / "peers.svg").write_text(bars("Events a second, medians", rates), encoding="utf-8")
    page = _DOCS / "performance.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    made = "\n\n".join(_markdown(name, figures) for name, figures in found.items())
    page.write_text(f"{before}{_BEGIN}\n\n{made}\n\n{_END}{after}", encoding="utf-8")


def _markdown(load_name: str, figures: Figures) -> str:
    does = {each.name: each.does for each in CONTENDERS}
    lines = [f"| load *{load_name}*: {' | '.join(_HEADINGS)} | does |", "|---" * 7 + "|"]
    lines += [f"| {' | '.join(row)} | {does[row[0]]} |" for row in _rows(figures)]
    return "\n".join(lines)
