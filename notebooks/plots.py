"""The plots of the notebook: one figure for each of its tables, fit for a report.

Colours are Okabe and Ito's, which people with colour blindness can tell apart; labels repeat what a
colour says where they can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from textwrap import fill, shorten
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Rows = Sequence[Mapping[str, Any]]

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
GREY: Final = "#CFCFCF"
INK: Final = "#333333"
_TYPES: Final = ("ESME", "GSME", "PPMID", "HCALCS", "IHD")
_COLOURS: Final = dict(zip(_TYPES, (BLUE, ORANGE, GREEN, PURPLE, SKY), strict=True))
_MARKERS: Final = dict(zip(_TYPES, ("o", "s", "^", "D", "v"), strict=True))
_WEEKS: Final = 6
_REASONS: Final = 15
_LONGEST_REASON: Final = 72
_LONGEST_BESIDE_MANY_WEEKS: Final = 42
_LONGEST_TITLE: Final = 26

mpl.rcParams.update(
    {
        "svg.hashsalt": "firmware",  # the same figure, the same bytes
        "svg.fonttype": "none",  # text stays text
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
    }
)


def save(figures: Mapping[str, Figure], folder: Path | str) -> None:
    """One SVG file for each."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(Path(folder) / f"{name}.svg", metadata={"Date": None})


def stage_times(rows: Rows) -> Figure:
    """For each stage, region and device type: median, and the middle eight in ten."""
    names = sorted({row["stage"] for row in rows})
    regions = sorted({row["csp_region"] for row in rows})
    types = sorted({row["device_type"] for row in rows}, key=_TYPES.index)
    lines = [(region, kind) for region in regions for kind in types]
    figure, panels = _panels(max(1, len(names)), 0.24 * len(lines) + 2.0, shared_y=True)
    for panel, name in zip(panels, names, strict=False):
        for row in (row for row in rows if row["stage"] == name):
            y = lines.index((row["csp_region"], row["device_type"]))
            colour = _COLOURS[row["device_type"]]
            panel.plot(
                (row["tenth_hours"], row["ninetieth_hours"]), (y, y), color=colour, linewidth=2.5
            )
            panel.plot(
                row["median_hours"], y, _MARKERS[row["device_type"]], color=colour, markersize=7
            )
        panel.set_title(fill(name, _LONGEST_TITLE))
        panel.set_xlabel("hours since the stage before")
        panel.set_xlim(left=0)
    panels[0].set_yticks(range(len(lines)), [f"{region}, {kind}" for region, kind in lines])
    panels[0].set_ylim(len(lines) - 0.4, -0.6)
    _title(figure, "Time in each stage by CSP region and device type", "mark: median; line: 10 % "
           "to 90 % of items")  # fmt: skip
    return figure


def failures(rows: Rows) -> Figure:
    """For each reason a bar in the panel of each week; the latest weeks, the commonest reasons."""
    weeks = sorted({row["week"] for row in rows})[-_WEEKS:]
    longest = _LONGEST_REASON if len(weeks) <= 2 else _LONGEST_BESIDE_MANY_WEEKS
    counts: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row["week"] in weeks:
            counts[_reason(row, longest)][row["week"]] += row["items"]
    reasons = sorted(counts, key=lambda reason: (-sum(counts[reason].values()), reason))
    shown = reasons[:_REASONS]
    if others := reasons[_REASONS:]:
        shown.append(f"{len(others)} other reasons")
        counts[shown[-1]] = {w: sum(counts[each][w] for each in others) for w in weeks}
    figure, panels = _panels(max(1, len(weeks)), 0.27 * len(shown) + 1.7, shared_y=True)
    largest = max([counts[reason][week] for reason in shown for week in weeks], default=1)
    for panel, week in zip(panels, weeks, strict=False):
        values = [counts[reason][week] for reason in shown]
        _bars(panel, values, [str(value) if value else "" for value in values], BLUE)
        panel.set_title(f"week of\n{week:%-d %b %Y}")
        panel.set_xlabel("failed items")
        panel.set_xlim(0, largest * 1.3)
    panels[0].set_yticks(range(len(shown)), shown)
    panels[0].set_ylim(len(shown) - 0.4, -0.6)
    note = "" if len(weeks) < _WEEKS else f"the latest {_WEEKS} weeks"
    _title(figure, "Failures by reason and week", note)
    return figure


def stuck(rows: Rows, hours: float) -> Figure:
    """For each status in progress and region: items that wait, and those that wait too long."""
    groups: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        group = groups.setdefault((row["status"], row["csp_region"]), [0, 0])
        group[0] += row["stuck"]
        group[1] += row["items"] - row["stuck"]
    figure, (panel,) = _panels(1, 0.27 * len(groups) + 1.9)
    long, short = ([group[part] for group in groups.values()] for part in (0, 1))
    panel.barh(range(len(groups)), long, color=BLUE, label=f"stuck for more than {hours:g} hours")
    panel.barh(range(len(groups)), short, left=long, color=GREY, label="others")
    for y, (one, other) in enumerate(groups.values()):
        panel.annotate(
            f"{one} of {one + other}", (one + other, y), (4, 0), textcoords="offset points",
            va="center",
        )  # fmt: skip
    panel.set_yticks(range(len(groups)), [f"{status}, {region}" for status, region in groups])
    panel.set_ylim(len(groups) - 0.4, -0.6)
    panel.set_xlabel("items in progress")
    panel.set_xlim(0, 1.12 * max([sum(group) for group in groups.values()], default=1))
    figure.legend(frameon=False, loc="outside lower right", ncols=2)
    _title(figure, "Items in progress by status and CSP region", "label: stuck of all")
    return figure


def sources(rows: Rows) -> Figure:
    """For each source three shares."""
    names = [_SOURCES[row["source"]] for row in rows]
    figure, panels = _panels(3, 0.3 * len(rows) + 1.7, shared_y=True)
    shares = (
        ("Copies", "copies", "records", "% of records"),
        ("Late reports", "late", "reports", "% of reports"),
        ("Overtaken reports", "overtaken", "reports", "% of reports"),
    )
    for panel, (title, part, whole, unit) in zip(panels, shares, strict=True):
        values = [100 * row[part] / row[whole] if row[whole] else 0.0 for row in rows]
        labels = [f"{row[part]:,} of {row[whole]:,}" for row in rows]
        _bars(panel, values, labels, BLUE)
        panel.set_title(title)
        panel.set_xlabel(unit)
        panel.set_xlim(0, 1.6 * max([*values, 0.1]))
    panels[0].set_yticks(range(len(rows)), names)
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    _title(figure, "Copies, late and overtaken reports by source", "")
    return figure


_SOURCES: Final[dict[str, str]] = {
    "dsp": "DSP",
    "csp": "CSP",
    "comms-hub": "Comms Hub",
    "ssmi": "Service Centre",
}


def _panels(count: int, height: float, shared_y: bool = False) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(10, height), layout="constrained")
    grid = figure.subplots(1, count, sharey=shared_y, squeeze=False)
    panels: list[Axes] = list(grid[0])
    for panel in panels:
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", color="#E6E6E6", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    return figure, panels


def _bars(panel: Axes, values: Sequence[float], labels: Sequence[str], colour: str) -> None:
    panel.bar_label(panel.barh(range(len(values)), values, color=colour), labels, padding=4)


def _title(figure: Figure, title: str, note: str) -> None:
    figure.suptitle(f"{title} ({note})" if note else title, x=0.01, ha="left", fontsize=12)


def _reason(row: Mapping[str, Any], longest: int) -> str:
    """Code and words in as much room as there is."""
    told = f"{row['reason_code']}: {row['reason']}"
    return shorten(told, longest, placeholder=" …")
