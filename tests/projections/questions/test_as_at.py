"""A row as it was at an instant: the fold of what was received by then, or a doubt.

Against the second reading of the design (``reference``, ``reference_retention``): with copies that
came late, wrong clocks, resets, gaps in which things end, and the cap.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from projections.fold import Fold
from projections.questions.as_at import AsAt, Doubt, as_at
from projections.retention import retain
from projections.rows import encode_row
from projections.state import Row
from projections.views import device_view
from tests.projections import reference, reference_retention
from tests.projections.records import NOW, answer_of, logs, report_of
from tests.projections.reference import HOUR, Answer, Record
from tests.projections.story import LATER_REQUEST, MINUTE, REQUEST, START, csp, dsp, hub, reset
from tests.projections.story import report_of as told
from tests.projections.test_retention import END, SHORT, folded_live, readable, stored
from tests.support.rows import CATALOGUE, DEVICE_TYPES, row_of

LONG = 400 * 24 * HOUR
"""A retention in which nothing ends."""


def received_by(records: list[Record], at: int) -> list[Record]:
    """What the broker had by then."""
    return [record for record in records if record.received_at <= at]


def shown(found: AsAt, retention_ms: int) -> Answer:
    """What the row of then comes to."""
    return answer_of(device_view("D", found.retained.row, CATALOGUE, retention_ms))


instants = st.integers(-1, 61).map(lambda hours: NOW + hours * HOUR)


@given(records=logs(max_size=30), at=instants)
def test_where_nothing_ended_it_is_the_fold_of_what_was_received(
    records: list[Record], at: int
) -> None:
    """Without a doubt, but for a device of which nothing had come."""
    found = as_at(row_of(map(report_of, records)), at, LONG)
    before = received_by(records, at)
    assert shown(found, LONG) == reference.fold(before)
    assert found.doubts() == ([] if before else [Doubt.FORGOTTEN])


@given(records=logs(max_size=30).map(readable), at=instants, sweeps=st.integers(0, 2**32))
def test_without_a_doubt_it_is_what_was_held(records: list[Record], at: int, sweeps: int) -> None:
    """Though things ended before and since, in whatever order topics were read and swept."""
    row = folded_live(records, random.Random(sweeps)).row
    found = as_at(stored(row), at, SHORT)
    event(f"doubts: {', '.join(found.doubts()) or 'none'}")
    if found.doubts():
        return
    before = received_by(records, at)
    assert shown(found, SHORT) == reference.fold(reference_retention.held(before, SHORT, at))


@given(records=logs(max_size=30).map(readable), at=instants, hours=st.integers(0, 19))
def test_soon_afterwards_it_is_what_was_held(records: list[Record], at: int, hours: int) -> None:
    """Where less has ended since, and there are fewer doubts."""
    known = received_by(records, at + hours * HOUR)
    row = retain(row_of(map(report_of, known)), SHORT, at + hours * HOUR).row
    found = as_at(stored(row), at, SHORT)
    event(f"doubts: {', '.join(found.doubts()) or 'none'}")
    if not found.doubts():
        before = reference_retention.held(received_by(records, at), SHORT, at)
        assert shown(found, SHORT) == reference.fold(before)


@given(records=logs(max_size=30).map(readable), at=instants)
def test_a_doubt_has_its_reason(records: list[Record], at: int) -> None:
    """Something of the device ended later than the instant, or nothing of then is left."""
    found = as_at(retain(row_of(map(report_of, records)), SHORT, END).row, at, SHORT)
    then = reference_retention.held(received_by(records, at), SHORT, at)
    now = reference_retention.held(records, SHORT, END)
    lost = {(r.source, r.offset) for r in then} - {(r.source, r.offset) for r in now}
    if lost:
        assert Doubt.FORGOTTEN in found.doubts()


@given(records=logs(max_size=40), at=instants)
def test_the_cap_is_told(records: list[Record], at: int) -> None:
    """Only of what has lost records by it; where it lost none, the answer is whole."""
    fold = Fold(CATALOGUE, DEVICE_TYPES, cap=4)
    row = row_of(map(report_of, records), fold)
    capped = {item.request_id for item in row.items if item.records.left_out}
    hub = bool(row.hub.left_out)
    found = as_at(row, at, LONG)
    for item in row.items:
        told_of = Doubt.CAPPED in found.doubts(item.request_id)
        assert told_of == (hub or item.request_id in capped)
    if not found.doubts():
        assert shown(found, LONG) == reference.fold(received_by(records, at))


@given(records=logs(max_size=30).map(readable))
def test_at_the_end_it_is_the_row(records: list[Record]) -> None:
    """Byte for byte, so that an instant behind everything is the present."""
    row = retain(row_of(map(report_of, records)), SHORT, END).row
    data = encode_row(row)
    found = as_at(stored(row), END, SHORT).retained.row
    assert encode_row(found) == data or row == Row(row.catalogue, row.device_types)


def at_hour(hour: float) -> dict[str, Any]:
    """Happened and was received then."""
    return {"at": hour * 60, "heard": hour * 60}


def status_at(row: Row, hour: float, request: str = REQUEST) -> str | None:
    """Of an item, so many hours after the start."""
    found = as_at(stored(row), START + round(hour * 60 * MINUTE), LONG)
    items = device_view("D", found.retained.row, CATALOGUE, LONG).items
    return next((i.status.label for i in items if i.service_request_id == request), None)


def test_a_campaign_hour_by_hour() -> None:
    """A report that came late counts from its receipt; a reset does not hide what was before it."""
    events = (
        dsp(**at_hour(0)),
        csp("APPROVED", **at_hour(2)),
        hub("8F89", 3, at=3 * 60, heard=9 * 60),
        csp("N60", **at_hour(4)),
        reset(**at_hour(12)),
        dsp(service_request_id=LATER_REQUEST, **at_hour(14)),
    )
    row = row_of(told(each, number) for number, each in enumerate(events))
    said = [status_at(row, hour) for hour in (-1, 0, 1, 2, 5, 9, 11, 12, 20)]
    assert said == [
        None,
        "Accepted by DSP",
        "Accepted by DSP",
        "Approved for Distribution",
        "Successful CH Transfer",
        "Not Delivered at HAN",
        "Not Delivered at HAN",
        "Reset by DCC",
        "Reset by DCC",
    ]
    assert [status_at(row, hour, LATER_REQUEST) for hour in (13, 14)] == [None, "Accepted by DSP"]
