"""The row is a function of the set of records: any order, any grouping, any copies."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.cap import _hash
from projections.fold import Fold
from projections.lifecycle import LIFECYCLE
from projections.rows import decode_row, encode_row
from projections.state import Report, Row
from projections.status_derivation import derive_statuses
from projections.status_record import status_body, status_record
from projections.views import device_view
from schemas.codec import Codec
from schemas.topics import DAY_MS
from tests.projections import reference
from tests.projections.records import answer_of, logs, report_of
from tests.projections.reference import Record
from tests.support.rows import CATALOGUE, DEVICE_TYPES, row_of

CAPPED = 5
CAPS = pytest.mark.parametrize("cap", [10**6, CAPPED], ids=["all kept", "cap at 5"])


def fold(cap: int) -> Fold:
    """The fold that ships, with another cap."""
    return Fold(CATALOGUE, DEVICE_TYPES, cap)


def folded(records: list[Record], cap: int) -> Row:
    """The row after ``records``, one by one."""
    return row_of(map(report_of, records), fold(cap))


def folded_in_batches(records: list[Record], cap: int, cuts: random.Random) -> bytes:
    """The stored row after ``records`` in batches of any size, by way of the disk in between."""
    rules, stored = fold(cap), encode_row(fold(cap).new_row())
    waiting = list(records)
    while waiting:
        size = cuts.randint(1, len(waiting))
        batch, waiting = waiting[:size], waiting[size:]
        row = rules.stored_row(stored)
        for record in batch:
            rules.add(row, report_of(record))
        stored = encode_row(row)
    return stored


@pytest.mark.deep
@CAPS
@given(records=logs(), seed=st.integers(0, 2**32))
def test_any_order_and_any_grouping_with_replays_give_the_same_bytes(
    cap: int, records: list[Record], seed: int
) -> None:
    """Invariant I2, under the cap too."""
    rng = random.Random(seed)
    again = records + rng.sample(records, k=len(records) // 2)
    rng.shuffle(again)
    assert folded_in_batches(again, cap, rng) == encode_row(folded(records, cap))


@pytest.mark.deep
@CAPS
@given(records=logs())
def test_a_second_reading_of_the_design_gives_the_same_answer(
    cap: int, records: list[Record]
) -> None:
    """The fold that ships and the slow, obvious one agree on everything that is shown."""
    shown = device_view("D", folded(records, cap), CATALOGUE, 30 * DAY_MS)
    assert answer_of(shown) == reference.fold(records, cap)


@given(records=logs())
def test_the_cap_changes_neither_status_nor_completion(records: list[Record]) -> None:
    """Past the cap everything is kept that the status is made of (rule 6), whatever the order."""
    first_only = [next(group) for _, group in itertools.groupby(sorted(records, key=by_event), _id)]
    whole = reference.fold(first_only)
    shown = device_view("D", folded(first_only, CAPPED), CATALOGUE, 30 * DAY_MS)
    held = {item.service_request_id: item for item in shown.items}
    assert list(held) == [item.request_id for item in whole.items]
    for item in whole.items:
        capped = held[item.request_id]
        assert (capped.status.label, capped.completion) == (item.status, item.completion)
        assert (capped.firmware_version, capped.device_type) == (item.version, item.device_type)


def by_event(record: Record) -> tuple[object, ...]:
    """Copies stand together, the one that counts first."""
    return (_id(record), record.received_at, record.offset)


def _id(record: Record) -> tuple[str, str]:
    return record.source, record.fields["event_id"]


@CAPS
@given(records=logs())
def test_every_record_is_kept_or_counted(cap: int, records: list[Record]) -> None:
    """Nothing is lost, nothing is doubled, and no set outgrows the cap by more than it must."""
    row = folded(records, cap)
    sets = [row.hub, *(item.records for item in row.items)]
    assert sum(len(s.kept) + len(s.left_out) for s in sets) == len(records)
    if cap == CAPPED:
        for records_of_one in sets:
            assert len(records_of_one.kept) <= CAPPED + 2 * kinds(records_of_one.kept)


def kinds(reports: list[Report]) -> int:
    """Kinds of record among them, by day."""
    said = {
        (r.source, r.status, r.request_id, r.version, r.running, r.image_hash, r.device_type, day)
        for r in reports
        for day in [r.at // DAY_MS]
    }
    return len(said)


@given(records=logs(max_size=25))
def test_the_public_record_is_what_the_generic_encoder_writes(records: list[Record]) -> None:
    """The Avro body written by hand equals fastavro's, byte for byte."""
    row = folded(records, CAPPED)
    codec = Codec()
    found = derive_statuses(row)
    by_hand = codec.prefix("FirmwareStatus") + status_body("D", row, found, encode_row(row))
    assert by_hand == codec.encode("FirmwareStatus", status_record("D", row, found))


def chatter(times: int) -> list[Report]:
    """One device of which the hub says the same, once a minute."""
    first = Report(bytes(16) + b"\x03", 0, 44, 0, 0, 0, 0, "8F8A", result=0, version="00000001")
    return [
        msgspec.structs.replace(
            first,
            identity=n.to_bytes(16, "big") + b"\x03",
            at=n * 60_000,
            occurred_at=n * 60_000,
            received_at=n * 60_000,
            offset=n,
        )
        for n in range(times)
    ]


def test_chatter_does_not_grow_the_row() -> None:
    """5,000 reports within four days: the first 200, and the last of each day."""
    row = row_of(chatter(5_000))
    assert len(row.hub.kept) == 200 + 7
    assert len(row.hub.left_out) == 1_000
    again = row_of(reversed(chatter(5_000)))
    assert encode_row(again) == encode_row(row)


def test_a_replay_past_the_cap_changes_nothing() -> None:
    """A record that was left out is left out again, and counted once."""
    rules, row = fold(200), row_of(chatter(300))
    before = encode_row(row)
    assert not any(rules.add(row, report) for report in chatter(300))
    assert encode_row(row) == before


def test_past_the_bound_of_what_is_counted_a_record_left_out_is_no_news() -> None:
    """The row stays as it is, and need not be written."""
    rules, row = fold(200), row_of(chatter(5_000))
    before = encode_row(row)
    marks = [_hash(report) for report in chatter(5_000)]
    last = max(range(201, 1_400), key=lambda n: marks[n])
    assert marks[last] > row.hub.left_out[-1]
    assert not rules.add(row, chatter(5_000)[last])
    assert encode_row(row) == before


def test_what_was_left_out_is_known_by_the_same_mark_for_ever() -> None:
    """Marks are stored, so their making is part of the layout."""
    assert _hash(chatter(8)[7]) == 316319749401273176


def test_only_events_that_came_again_have_copies() -> None:
    """Events are counted by their further records."""
    once, again = chatter(2)
    copy = msgspec.structs.replace(again, offset=9, received_at=10**9)
    assert derive_statuses(row_of([once, again, copy])).copies == {again.identity: 1}


def test_a_record_left_out_is_news_once() -> None:
    """The count is part of the row, so the row is written again."""
    rules, row = fold(200), row_of(chatter(299))
    late = msgspec.structs.replace(chatter(300)[250], offset=10_000, identity=b"z" * 16 + b"\x03")
    assert rules.add(row, msgspec.structs.replace(late))
    assert not rules.add(row, late)


def test_every_status_of_the_lifecycle_is_exercised_here() -> None:
    """The records above leave no status out."""
    assert {row.label for row in LIFECYCLE} == set(reference.CODES.values()) - {None}


def test_a_row_reads_back_as_it_was_written() -> None:
    """Stored bytes and row are one to one."""
    row = row_of(chatter(3))
    assert encode_row(decode_row(encode_row(row))) == encode_row(row)
