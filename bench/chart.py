"""Draws line charts over time as one SVG: panels below each other, in colours for light and
dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

WIDTH: Final = 720
LEFT: Final = 64
RIGHT: Final = 128
"""Room for the lines' names, at their ends."""
TOP: Final = 44
PANEL: Final = 130
GAP: Final = 46

_TICKS: Final = 4
_LABEL: Final = 14
"""Least distance of two names of lines."""
_STYLE: Final = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .paper { fill: #ffffff }
  .title { font-size: 15px; font-weight: 600 }
  .panel { font-weight: 600 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .a { stroke: #0b5cad } .b { stroke: #b35900; stroke-dasharray: 7 3 }
  .c { stroke: #1a7f37; stroke-dasharray: 2 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .paper { fill: #0d1117 }
    .grid { stroke: #3d444d }
    .a { stroke: #6cb6ff } .b { stroke: #f0a35e } .c { stroke: #57d273 }
  }
"""
_CLASSES: Final = ("a", "b", "c")
"""One line a class; dashes tell them apart without colours."""


@dataclass(frozen=True, slots=True)
class Line:
    """One value at every moment."""

    label: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines on one scale, from nothing up; three at most."""

    title: str
    unit: str
    lines: Sequence[Line]

    @property
    def top(self) -> float:
        """The end of the scale: a round number, at or above every value."""
        most = max((max(line.values) for line in self.lines), default=0) or 1.0
        power = 10.0 ** math.floor(math.log10(most / _TICKS))
        step = next(s for s in (1, 2, 2.5, 5, 10) if s * power * _TICKS >= most * (1 - 1e-9))
        return step * power * _TICKS

    def told(self) -> str:
        """The panel's maximum and last values, in words."""
        ends = (
            f"{line.label} at most {max(line.values):,.0f}, at the end {line.values[-1]:,.0f}"
            for line in self.lines
        )
        return f"{self.title} ({self.unit}): {'; '.join(ends)}."


def drawn(title: str, minutes: Sequence[float], panels: Sequence[Panel]) -> str:
    """The SVG document; its text alternative has the values of :meth:`Panel.told`."""
    height = TOP + len(panels) * (PANEL + GAP)
    told = " ".join(panel.told() for panel in panels)
    texts = {"title": title, "desc": f"Over {minutes[-1]:.0f} minutes. {told}"}
    svg = begun(height, _STYLE, {"aria-labelledby": "title desc"}, texts)
    _text(svg, LEFT, 20, title, "title")
    for number, panel in enumerate(panels):
        _draw(svg, panel, minutes, TOP + number * (PANEL + GAP) + 16)
    return finished(svg)


def begun(
    height: int, style: str, alternative: Mapping[str, str], texts: Mapping[str, str] | None = None
) -> Element:
    """An SVG document on paper, :data:`WIDTH` wide; ``alternative`` are the attributes of its text
    alternative, ``texts`` elements that those name."""
    size = {"viewBox": f"0 0 {WIDTH} {height}", "role": "img"}
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, **alternative})
    for name, text in (texts or {}).items():
        SubElement(svg, name, id=name).text = text
    SubElement(svg, "style").text = style
    SubElement(svg, "rect", {"class": "paper", "width": str(WIDTH), "height": str(height)})
    return svg


def finished(svg: Element) -> str:
    """The text of a document."""
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def _draw(svg: Element, panel: Panel, minutes: Sequence[float], top: float) -> None:
    """A panel whose plot begins at ``top``."""
    _text(svg, LEFT, top - 6, f"{panel.title}, {panel.unit}", "panel")
    for tick in range(_TICKS + 1):
        y = top + PANEL * (1 - tick / _TICKS)
        _rule(svg, y)
        _text(svg, LEFT - 8, y + 4, f"{panel.top * tick / _TICKS:,.10g}", anchor="end")
    for minute in _moments(minutes[-1]):
        x = _across(minute, minutes[-1])
        _text(svg, x, top + PANEL + 16, f"{minute:g} min", anchor="middle")
    for line, name in zip(panel.lines, _CLASSES, strict=False):
        points = " ".join(
            f"{_across(minute, minutes[-1]):.1f},{top + PANEL * (1 - value / panel.top):.1f}"
            for minute, value in zip(minutes, line.values, strict=True)
        )
        SubElement(svg, "polyline", {"class": f"line {name}", "points": points})
    _name_lines(svg, panel, top)


def _name_lines(svg: Element, panel: Panel, top: float) -> None:
    """Each line's name beside its end, none over another; a stroke shows which it is."""
    ends = sorted(
        (top + PANEL * (1 - line.values[-1] / panel.top), line.label, name)
        for line, name in zip(panel.lines, _CLASSES, strict=False)
    )
    y = -math.inf
    for number, (wanted, label, name) in enumerate(ends):
        lowest = top + PANEL - (len(ends) - 1 - number) * _LABEL
        y = max(min(wanted, lowest), y + _LABEL)
        x = WIDTH - RIGHT + 8
        SubElement(svg, "path", {"class": f"line {name}", "d": f"M{x} {y:.1f}h16"})
        _text(svg, x + 20, y + 4, label)


def _moments(last: float) -> list[float]:
    """Whole minutes to write below a panel, ten at most."""
    step = max(1, math.ceil(last / 10))
    return [float(minute) for minute in range(0, math.floor(last + 0.05) + 1, step)]


def _across(minute: float, last: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * minute / last


def _rule(svg: Element, y: float) -> None:
    ends = {"x1": str(LEFT), "x2": str(WIDTH - RIGHT), "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
    SubElement(svg, "line", {"class": "grid", **ends})


def _text(
    svg: Element, x: float, y: float, text: str, style: str = "", anchor: str = "start"
) -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    SubElement(svg, "text", place | ({"class": style} if style else {})).text = text
