"""The workbook beside the CSV: the same rows, as a spreadsheet keeps them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from query_api.audit.entry import Action, Outcome
from query_api.queries import workbook
from query_api.queries.rendering import CSV_COLUMNS
from schemas.topics import Source
from tests.query_api.world import BETA, World, accepted, device_id, report, request_id

R1 = request_id(1)
PATH = f"/v1/service-requests/{R1}.xlsx"
VERSIONS = ("00010203", "12345E07", "0000DEAD")
NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


@pytest.fixture
def world() -> World:
    """Three devices, with versions that a spreadsheet takes for numbers, and one that was
    refused with words that it takes for a formula."""
    found = World()
    found.put(
        {device_id(n): [accepted(R1, version=version)] for n, version in enumerate(VERSIONS, 1)}
    )
    found.put({device_id(9): [report(Source.DSP, "E5", request=R1, detail="=1+1")]})
    return found


def sheet(content: bytes) -> ElementTree.Element:
    """The one sheet of a workbook."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert book.testzip() is None
        return ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))


def cells(content: bytes) -> list[list[tuple[str, str]]]:
    """Rows of (type, text) of each cell."""
    return [
        [(c.get("t", "n"), "".join(c.itertext())) for c in row.iterfind("m:c", NS)]
        for row in sheet(content).iterfind("m:sheetData/m:row", NS)
    ]


def test_rows_are_those_of_the_csv_with_text_and_times(world: World) -> None:
    """Identifiers and versions are text cells; times are numbers in a format of times."""
    client = world.supplier()
    answer = client.get(PATH)
    assert answer.headers["content-type"] == workbook.MEDIA_TYPE
    name = R1.replace(":", "_")
    assert f'filename="firmware-distribution-{name}.xlsx"' in answer.headers["content-disposition"]
    assert answer.headers["fdt-as-of"] == "2026-11-23T06:01:00.000Z"
    assert int(answer.headers["content-length"]) == len(answer.content)
    heading, *rows = cells(answer.content)
    table = client.get(PATH.replace(".xlsx", ".csv")).content.decode()
    _, *expected = csv.reader(io.StringIO(table, newline=""))
    assert [text for _, text in heading] == [*CSV_COLUMNS[:-1], f"{CSV_COLUMNS[-1]} (UTC)"]
    assert len(rows) == len(expected) == 4
    for row, line in zip(rows, expected, strict=True):
        assert {kind for kind, _ in row[:-1]} == {"inlineStr"}
        assert [text for _, text in row[:4]] == line[:4]
        kind, days = row[-1]
        assert kind == "n"
        at = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(days=float(days))
        assert abs(at - datetime.fromisoformat(line[-1])) < timedelta(milliseconds=1)
    assert [row[1][1] for row in rows[:3]] == list(VERSIONS)


def test_the_heading_stays_in_sight_and_filters(world: World) -> None:
    """As people expect of a table."""
    found = sheet(world.supplier().get(PATH).content)
    pane = found.find("m:sheetViews/m:sheetView/m:pane", NS)
    assert pane is not None
    assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
    filters = found.find("m:autoFilter", NS)
    assert filters is not None
    assert filters.get("ref") == "A1:F5"
    assert found.find(".//m:f", NS) is None


def test_filters_rights_and_traces_are_those_of_the_csv(world: World) -> None:
    """Foreign and unknown look the same; the download is written down."""
    client = world.supplier()
    failed = client.get(PATH, params={"completion": "Failed"})
    assert len(cells(failed.content)) == 2
    for foreign in (world.supplier(BETA).get(PATH), client.get(PATH.replace(":1.", ":77."))):
        assert foreign.status_code == 404
    entry = world.trail.entries[0]
    assert (entry.action, entry.outcome, entry.rows) == (Action.DOWNLOAD, Outcome.FOUND, 1)


def test_the_same_rows_are_the_same_bytes_and_no_file_is_left(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of when and where it was made is in it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client = world.supplier()
    first, second = client.get(PATH).content, client.get(PATH).content
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as book:
        properties = book.read("docProps/core.xml").decode()
    assert re.search("<dc:creator></dc:creator>|<dc:creator/>", properties)
    assert list(tmp_path.iterdir()) == []


def test_the_page_offers_both(world: World) -> None:
    """A link each, which leads to the same rows."""
    browser = world.supplier_browser()
    page = browser.get(browser.request(R1)).text
    assert "Download CSV" in page
    (address,) = re.findall(r'href="([^"]+)">Download spreadsheet', page)
    answer = browser.get(address)
    assert answer.headers["content-type"] == workbook.MEDIA_TYPE
    assert len(cells(answer.content)) == 5
