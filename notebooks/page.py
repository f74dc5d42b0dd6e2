"""Makes docs/analysis.md from the notebook's tables and figures; ``python -m notebooks`` calls
it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from notebooks import plots

_HEAD: Final = """# A campaign analysed

What analysts read out of an [export](how-to/export.md), by the notebook `notebooks/campaign.py`.
`make analysis` made this page: it ran a simulated campaign of {devices:,} devices in {requests}
requests (seed {seed}), exported it, and ran the notebook on the files. The numbers are those of
invented journeys within 40 hours and say nothing of real devices; the dates are those of the run.

Of an export of your own, in the browser or as a script:

```console
.venv/bin/marimo edit notebooks/campaign.py -- --export /tmp/analysis
.venv/bin/python notebooks/campaign.py --export /tmp/analysis --stuck-hours 72 --plots /tmp/plots
```

The notebook reads the folder and nothing else. Status and stage of each event are those of the
fold in the [library](how-to/analyse.md), by the rules and the code catalogue that are installed;
all else is SQL. It is no part of the screen, which is no roll-out report.
"""


def page(
    defs: Mapping[str, Any], devices: int, requests: int, seed: int
) -> tuple[str, Mapping[str, Figure]]:
    """The page, and its figures by the names of their files."""
    tables: Mapping[str, Any] = defs["tables"]
    parts = [_HEAD.format(devices=devices, requests=requests, seed=seed)]
    for name, (title, text, alternative, cells) in _SECTIONS.items():
        told = text.format(stuck_hours=defs["stuck_hours"])
        picture = f"![{alternative}](analysis/{name}.svg)"
        table = _table(tables[name].to_pylist(), cells)
        parts.append(f"## {title}\n\n{told}\n\n{picture}\n\n{table}")
    figures: Mapping[str, Figure] = defs["figures"]
    return "\n".join(parts), figures


def write(docs: Path, defs: Mapping[str, Any], devices: int, requests: int, seed: int) -> None:
    """The page, and its plots beside it."""
    text, figures = page(defs, devices, requests, seed)
    plots.save(figures, docs / "analysis")
    (docs / "analysis.md").write_text(text, "utf-8")


Cell = Callable[[Mapping[str, Any]], str]


def _text(name: str) -> Cell:
    return lambda row: str(row[name]).replace("|", "\\|")


def _count(name: str) -> Cell:
    return lambda row: f"{row[name]:,}"


def _hours(name: str) -> Cell:
    return lambda row: f"{row[name]:.1f}"


_PLACE: Final[dict[str, Cell]] = {
    "Device type": _text("device_type"),
    "CSP region": _text("csp_region"),
}
_SECTIONS: Final[dict[str, tuple[str, str, str, dict[str, Cell]]]] = {
    "stages": (
        "Time in each stage",
        "From the first report that a stage went well to the first one of the next stage, by the "
        "times of the events.\nLate reports and wrong clocks are left out.",
        "For each stage a panel: the median time and the middle eighty per cent, by CSP region and "
        "device type. The table below has the numbers.",
        {
            "Stage": _text("stage"),
            **_PLACE,
            "Items": _count("items"),
            "10 % within (h)": _hours("tenth_hours"),
            "Median (h)": _hours("median_hours"),
            "90 % within (h)": _hours("ninetieth_hours"),
        },
    ),
    "failures": (
        "Failures by reason and week",
        "Items whose latest status is Failed, by the week (from Monday, UTC) in which they failed.",
        "For each week a panel: a bar for each reason, as long as its failed items are many. The "
        "table below has the numbers.",
        {
            "Week of": _text("week"),
            "Status": _text("status"),
            "Code": lambda row: f"`{row['reason_code']}`",
            "Reason": _text("reason"),
            "Items": _count("items"),
        },
    ),
    "stuck": (
        "Devices stuck",
        "Items in progress; *stuck* are those whose status did not change for {stuck_hours:g} "
        "hours\nbefore the last event of the export.",
        "For each status in progress and each CSP region a bar: items that are stuck, and the "
        "others. The table below has the numbers.",
        {
            "Status": _text("status"),
            **_PLACE,
            "In progress": _count("items"),
            "Stuck": _count("stuck"),
            "Longest (h)": _hours("longest_hours"),
        },
    ),
    "sources": (
        "Copies, late and overtaken reports by source",
        "A *copy* is a further record of an event that was received before. Of the reports of "
        "items, each\ncounted once, one is *late* when it tells of an earlier stage at a time when "
        "a later one had been\nreached, and *overtaken* when something that happened after it, to "
        "the same item, was received\nbefore it. *Refused* records are dead letters.",
        "Three panels: the shares of copies, of late and of overtaken reports of each source. The "
        "table below has the numbers.",
        {
            "Source": _text("source"),
            "Records": _count("records"),
            "Copies": _count("copies"),
            "Refused": _count("refused"),
            "Reports of items": _count("reports"),
            "Late": _count("late"),
            "Overtaken": _count("overtaken"),
        },
    ),
}
"""Name -> title, text, text alternative of the plot, and the table's cells."""


def _table(rows: Sequence[Mapping[str, Any]], cells: Mapping[str, Cell]) -> str:
    lines = [f"| {' | '.join(cells)} |", f"|{'---|' * len(cells)}"]
    lines += [f"| {' | '.join(cell(row) for cell in cells.values())} |" for row in rows]
    return "\n".join([*lines, ""])
