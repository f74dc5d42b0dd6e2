"""The CSV download: exact bytes, guarded cells, streamed from one snapshot."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from projections.lifecycle import Status
from projections.views import Evidence, ItemView, Reason
from query_api.identity.access import Caller, Role
from query_api.queries import rendering
from query_api.queries.reads import Filters
from schemas.identifiers import ServiceRequestId
from schemas.topics import Source
from storage.rocks import RocksStore
from tests.query_api.world import (
    ALPHA,
    T0,
    World,
    accepted,
    device_id,
    new_view,
    rejected,
    report,
    request_id,
)

R1 = request_id(1)
PATH = f"/v1/service-requests/{R1}.csv"


def test_the_file_is_exactly_this() -> None:
    """Six columns, CRLF, UTF-8; the reason is the code with its result, a space, the text."""
    world = World()
    hub = report(Source.COMMS_HUB, "8F89", result=2, request=R1, at=T0 + 123, offset=1)
    world.put({device_id(2): [rejected(R1)], device_id(1): [accepted(R1), hub]})
    answer = world.supplier().get(PATH)
    assert answer.content.decode() == (
        "Service Request ID,Firmware Version,Device ID,Current Status,Current Status Reason,"
        "Current Status Update Time and Date\r\n"
        f"{R1},0002012F,00-DB-12-34-56-00-00-01,Not Delivered at HAN,"
        "8F89/2 The image does not fit the hardware version of the device,"
        "2026-11-23T06:00:00.123Z\r\n"
        f"{R1},0002012F,00-DB-12-34-56-00-00-02,Rejected by DSP,"
        '"E5 The status of the device does not allow the update, for example Suspended",'
        "2026-11-23T06:00:00.000Z\r\n"
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="firmware-distribution-{R1.replace(":", "_")}.csv"'
    )
    assert answer.headers["fdt-as-of"] == "2026-11-23T06:01:00.000Z"
    assert answer.headers["fdt-lag-events"] == "0"
    assert "etag" not in answer.headers


def cells(reason: str) -> list[str]:
    """The line of an item whose reason begins with this code."""
    item = ItemView(
        service_request_id=R1,
        device_id=device_id(1),
        device_type="ESME",
        firmware_version="0002012F",
        status=Status.REJECTED_BY_DSP,
        reason=Reason(reason, "text", None, False),
        updated_at=T0,
        available_until=T0,
        evidence=Evidence("t", 0, 0, "e"),
        timeline=(),
    )
    _, line = rendering.csv_chunks([item])
    return next(csv.reader(io.StringIO(line.decode(), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_guarded(start: str) -> None:
    """A leading apostrophe makes it a text."""
    assert cells(f"{start}cmd")[4] == f"'{start}cmd text"
    assert cells(f"E5{start}")[4] == f"E5{start} text"


def test_quotes_commas_and_line_ends_stay_inside_their_cell() -> None:
    """RFC 4180 quoting."""
    assert cells('say "no",\r\nplease')[4] == 'say "no",\r\nplease text'


def test_the_download_holds_what_the_pages_show() -> None:
    """Same filters, same order, over several chunks."""
    world = World()
    world.put({device_id(n): [rejected(R1) if n % 3 else accepted(R1)] for n in range(1300)})
    client = world.supplier()
    rows = list(csv.reader(io.StringIO(client.get(PATH).text, newline="")))
    assert [row[2] for row in rows[1:]] == [device_id(n) for n in range(1300)]
    failed = client.get(PATH, params={"completion": "Failed"}).text
    rows = list(csv.reader(io.StringIO(failed, newline="")))
    assert [row[2] for row in rows[1:]] == [device_id(n) for n in range(1300) if n % 3]
    nothing = client.get(PATH, params={"status": "Firmware Activated"})
    assert nothing.text.count("\r\n") == 1, "only the header line"


def test_a_download_takes_no_paging() -> None:
    """A part of a file would look like all of it."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    for query in ("limit=10", "cursor=abc"):
        assert world.supplier().get(f"{PATH}?{query}").status_code == 400


def test_a_download_is_of_one_moment(tmp_path: Path) -> None:
    """What is applied while the file goes out is not in it."""
    world = World(view=new_view(RocksStore(tmp_path, write_buffer_mb=1)))
    world.put({device_id(n): [accepted(R1)] for n in range(1200)})
    caller = Caller("alice", frozenset([ALPHA]), frozenset([Role.SUPPLIER]))
    with world.services().reads.snapshot() as snapshot:
        chunks = rendering.csv_chunks(snapshot.items(caller, ServiceRequestId(R1), Filters()))
        first = next(chunks) + next(chunks)
        world.put({device_id(n): None for n in range(1200)})
        rest = b"".join(chunks)
    assert (first + rest).count(b"\r\n") == 1201
    assert world.supplier().get(PATH).status_code == 404
    world.view.close()
