"""The chart is an SVG that says in words what it shows, with every point inside its panel."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench.chart import LEFT, RIGHT, WIDTH, Line, Panel, drawn

SVG = "{http://www.w3.org/2000/svg}"
MINUTES = [0.1, 5.0, 10.0]
PANELS = [
    Panel("Rows held", "rows", [Line("rows", [0, 12_000, 11_500])]),
    Panel("Disk", "MB", [Line("a & b", [1.0, 50.0, 49.0]), Line("c", [0.0, 50.0, 49.5])]),
]


def test_the_text_alternative_tells_what_the_lines_come_to() -> None:
    """For whoever does not see it."""
    svg = ElementTree.fromstring(drawn("Steady <state>", MINUTES, PANELS))
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "title desc"
    assert svg.findtext(f"{SVG}title") == "Steady <state>"
    assert svg.findtext(f"{SVG}desc") == (
        "Over 10 minutes. Rows held (rows): rows at most 12,000, at the end 11,500. "
        "Disk (MB): a & b at most 50, at the end 49; c at most 50, at the end 50."
    )


def test_every_line_has_all_its_points_within_the_plot() -> None:
    """Left to right, from the first sample to the last."""
    svg = ElementTree.fromstring(drawn("Steady", MINUTES, PANELS))
    lines = svg.findall(f"{SVG}polyline")
    assert len(lines) == 3
    for line in lines:
        across = [float(point.split(",")[0]) for point in line.attrib["points"].split()]
        assert len(across) == len(MINUTES)
        assert across == sorted(across)
        assert across[0] >= LEFT
        assert across[-1] == WIDTH - RIGHT


@pytest.mark.parametrize(
    ("most", "top"), [(0.0, 1.0), (9.9, 10.0), (10.0, 10.0), (11_500.0, 20_000.0), (450.0, 800.0)]
)
def test_a_scale_ends_at_a_round_number_above_every_value(most: float, top: float) -> None:
    """Four even steps from nothing."""
    assert Panel("", "", [Line("", [0.0, most])]).top == pytest.approx(top)


def test_names_of_lines_that_end_together_do_not_cover_each_other() -> None:
    """Both at the top of the panel."""
    svg = ElementTree.fromstring(drawn("Steady", MINUTES, PANELS))
    places = {text.text: float(text.attrib["y"]) for text in svg.findall(f"{SVG}text")}
    assert abs(places["a & b"] - places["c"]) >= 14
