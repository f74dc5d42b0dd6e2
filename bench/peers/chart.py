"""Draws a bar chart as one SVG, a group for each load, in colours for light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from bench.chart import WIDTH, begun, finished

LEFT: Final = 290
"""Room for the names, at the bars' beginnings."""
RIGHT: Final = 80
BAR: Final = 20
GAP: Final = 8
HEAD: Final = 34
_STYLE: Final = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .paper { fill: #ffffff }
  .title { font-size: 15px; font-weight: 600 }
  .group { font-weight: 600 }
  .bar { fill: #0b5cad }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .paper { fill: #0d1117 }
    .bar { fill: #6cb6ff }
  }
"""


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """The document: group -> name -> value, all on one scale from nothing up."""
    longest = max(value for group in groups.values() for value in group.values())
    rows = sum(len(group) for group in groups.values())
    height = 2 * HEAD + len(groups) * HEAD + rows * (BAR + GAP)
    root = begun(height, _STYLE, {"aria-label": title})
    _text(root, 16, HEAD - 8, title, "title")
    y = HEAD
    for name, group in groups.items():
        y += HEAD
        _text(root, 16, y - 10, f"load {name}", "group")
        for who, value in group.items():
            _bar(root, y, who, value, longest)
            y += BAR + GAP
    return finished(root)


def _bar(root: Element, y: int, who: str, value: float, longest: float) -> None:
    length = (WIDTH - LEFT - RIGHT) * value / longest
    place = {"x": str(LEFT), "y": str(y), "width": f"{length:.1f}", "height": str(BAR)}
    SubElement(root, "rect", {"class": "bar", **place})
    _text(root, 16, y + BAR - 6, who, "name")
    _text(root, round(LEFT + length + 6), y + BAR - 6, f"{value:,.0f}", "value")


def _text(root: Element, x: int, y: int, words: str, kind: str) -> None:
    SubElement(root, "text", {"x": str(x), "y": str(y), "class": kind}).text = words
