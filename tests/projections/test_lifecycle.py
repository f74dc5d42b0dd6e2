"""The lifecycle is one table; whatever else shows statuses says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from fdt.manual.lifecycle_page import markdown
from projections import views
from projections.catalogue import load_catalogue
from projections.lifecycle import (
    LIFECYCLE,
    NO_STATUS,
    REJECTING,
    STAGE,
    STAGE_NAMES,
    Completion,
    Status,
)
from query_api.api.parameters import CompletionFilter, StatusFilter, filters
from query_api.queries import rendering
from query_api.queries.answers import ItemAnswer, RequestAnswer
from schemas.topics import Source
from sources.planning.vocabulary import COMPLETIONS
from tests.projections.story import after, dsp

PAGE = Path("docs/lifecycle.md")

DESIGN = """
1 | Rejected by DSP           | Failed      | DSP
1 | Accepted by DSP           | In Progress | DSP
2 | Not Accepted by CSP       | Failed      | CSP
2 | Approved for Distribution | In Progress | CSP
3 | Failed CH Transfer        | Failed      | CSP
3 | Successful CH Transfer    | In Progress | CSP
4 | Not Delivered at HAN      | Failed      | COMMS_HUB
4 | Successful HAN Transfer   | In Progress | COMMS_HUB
5 | Activation Failed         | Failed      | COMMS_HUB
5 | Firmware Activated        | Complete    | COMMS_HUB
– | Reset by DCC              | Failed      | SSMI
"""
"""The table of design §4, copied by hand."""


def test_the_table_is_the_one_of_the_design() -> None:
    """Stage, status, completion and source, in that order."""
    written = [[cell.strip() for cell in line.split("|")] for line in DESIGN.strip().splitlines()]
    assert [
        [str(row.stage or "–"), row.label, str(row.completion), row.source.name]
        for row in LIFECYCLE
    ] == written


def test_stored_numbers_are_what_they_always_were() -> None:
    """Rows keep them: none may change, and gaps are left for new ones."""
    numbers = [12, 14, 22, 24, 32, 34, 42, 44, 52, 54, 92]
    assert [int(row.status) for row in LIFECYCLE] == numbers
    assert [int(status) for status in Status] == numbers
    assert NO_STATUS == 0


def test_no_status_and_a_reset_stand_outside_the_stages() -> None:
    """So that they outrank nothing."""
    stages = {row.label: row.stage or 0 for row in LIFECYCLE}
    assert {Status(status).label: stage for status, stage in STAGE.items() if status} == stages
    assert (STAGE[NO_STATUS], STAGE[Status.RESET_BY_DCC]) == (0, 0)


def test_only_the_two_ends_are_final() -> None:
    """Firmware Activated and Reset by DCC."""
    assert {row.label for row in LIFECYCLE if row.final} == {"Firmware Activated", "Reset by DCC"}


def test_the_refusals_do_not_count_as_acceptance() -> None:
    """Those of the DSP and of the CSP, and no other."""
    assert {Status(s).label for s in REJECTING} == {"Rejected by DSP", "Not Accepted by CSP"}


def test_every_stage_has_a_name_and_a_failure_before_its_success() -> None:
    """The order of the table is the order of the stages."""
    assert {row.stage for row in LIFECYCLE} - {None} == set(STAGE_NAMES)
    for number in STAGE_NAMES:
        failure, success = [row for row in LIFECYCLE if row.stage == number]
        assert failure.completion is Completion.FAILED
        assert success.completion is not Completion.FAILED


def test_the_page_is_made_from_the_table_and_the_catalogue() -> None:
    """`fdt codes --markdown` was run after the last change."""
    assert PAGE.read_text(encoding="utf-8") == markdown(load_catalogue())


@pytest.mark.parametrize("row", LIFECYCLE, ids=lambda row: row.label)
def test_the_page_tells_a_supplier_all_of_a_status(row: Any) -> None:
    """What it means, who says so, what to do next, and its place in the table and the diagram."""
    page = PAGE.read_text(encoding="utf-8")
    chapter = page.split(f"## {row.label}\n")[1].split("\n## ")[0]
    assert row.meaning in chapter
    assert row.next_step in chapter
    assert f"*{row.completion}*, said by the" in chapter
    assert f"[{row.label}](#" in page
    assert f'state "{row.label}' in page


def test_the_page_explains_every_mark() -> None:
    """As the timeline shows them."""
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{mark}` |" in page for mark in views.MARKS)


def test_the_api_enumerates_the_words_of_the_table() -> None:
    """Statuses and completions of the published schema."""
    labels, words = [row.label for row in LIFECYCLE], [str(word) for word in Completion]
    item = ItemAnswer.model_json_schema()["properties"]
    assert item["status"]["enum"] == labels
    assert item["completion"]["enum"] == words
    counts = RequestAnswer.model_json_schema()["properties"]["counts"]
    assert counts["required"] == words


def test_the_filters_take_the_words_of_the_table() -> None:
    """Every status and completion can be asked for."""
    labels, words = [row.label for row in LIFECYCLE], [str(word) for word in Completion]
    assert TypeAdapter(StatusFilter).json_schema()["items"]["enum"] == labels
    assert TypeAdapter(CompletionFilter).json_schema()["items"]["enum"] == words
    asked = filters(labels, words)
    assert (asked.statuses, asked.completions) == (frozenset(Status), frozenset(Completion))


def test_the_csv_says_the_words_of_the_table() -> None:
    """The status is the label, letter for letter."""
    (line,) = list(rendering.csv_chunks(after(dsp()).view.items))[1:]
    assert line.decode().split(",")[3] == Status.ACCEPTED_BY_DSP.label


def test_the_sources_words_are_those_of_the_table() -> None:
    """The plan of the simulated sources spells them a second time, and means the same."""
    assert {row.label: str(row.completion) for row in LIFECYCLE} == dict(COMPLETIONS)


def test_every_source_may_set_some_status() -> None:
    """And a status has exactly one source."""
    assert {row.source for row in LIFECYCLE} == set(Source)
