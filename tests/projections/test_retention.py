"""What is forgotten, when, and that it is the same in every fold (design §7, I8, I9, I12)."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.events import BROKEN_CLOCK_MS
from projections.fold import Fold
from projections.retention import Retained, retain
from projections.rows import encode_row, holds_from, reports_of
from projections.state import Row
from projections.views import device_view
from schemas.codec import BadRecord
from schemas.topics import DAY_MS
from tests.projections import reference, reference_retention
from tests.projections.records import NOW, answer_of, logs, report_of
from tests.projections.reference import HOUR, Record
from tests.projections.story import (
    HASH,
    LATER_REQUEST,
    LATER_VERSION,
    MINUTE,
    REQUEST,
    START,
    Event,
    csp,
    dsp,
    hub,
    reset,
)
from tests.projections.story import report_of as told
from tests.support.rows import CATALOGUE, DEVICE_TYPES, FOLD, row_of

DAY = DAY_MS / MINUTE
R = 30 * DAY_MS
SHORT = 20 * HOUR
"""A retention within which the drawn records have gaps."""
END = NOW + 60 * HOUR


def after(*events: Event, days: float) -> Retained:
    """The row so many days after the start."""
    reports = [told(event, number) for number, event in enumerate(events)]
    return retain(row_of(reports), R, START + round(days * DAY_MS))


def requests(settled: Retained) -> list[str]:
    """The items that are held, newest first."""
    return [item.request_id for item in settled.found.items]


def at_day(day: float) -> dict[str, Any]:
    """Happened and was received on that day."""
    return {"at": day * DAY, "heard": day * DAY}


def test_an_item_is_held_for_thirty_days_after_its_evidence_was_received() -> None:
    """To the millisecond."""
    events = (dsp(**at_day(0)), csp("APPROVED", **at_day(3)))
    assert requests(after(*events, days=33 - 1 / DAY_MS)) == [REQUEST]
    assert after(*events, days=33).is_empty


def test_a_repeat_does_not_hold_an_item_longer() -> None:
    """Retention counts from the evidence, which is the first of its run."""
    events = (dsp(**at_day(0)), csp("APPROVED", **at_day(1)), csp("APPROVED", **at_day(20)))
    assert after(*events, days=31).is_empty


def test_an_item_still_in_progress_is_forgotten_too() -> None:
    """Thirty silent days are thirty silent days."""
    assert after(dsp(**at_day(0)), days=30).is_empty


def test_a_report_that_waits_is_forgotten_thirty_days_after_its_receipt() -> None:
    """A Reset that waits for its item too."""
    for event in (hub("8F8A", 0, **at_day(2)), reset(**at_day(2))):
        assert len(after(event, days=31.9).found.unmatched) == 1
        assert after(event, days=32).is_empty


def test_everything_of_an_item_goes_with_it() -> None:
    """Reports that named it, and reports that were matched to it, late ones as well."""
    events = (
        dsp(**at_day(0)),
        hub("CS06", 0, **at_day(1)),
        hub("8F8A", 0, service_request_id=REQUEST, **at_day(20)),
        hub("8F72", **at_day(25)),
    )
    assert len(after(*events, days=30.9).found.items[0].reports) == 4
    assert after(*events, days=31).is_empty


def test_the_others_of_the_device_stay() -> None:
    """And the row says what ends next."""
    later = dsp(service_request_id=LATER_REQUEST, firmware_version=LATER_VERSION, **at_day(10))
    settled = after(dsp(**at_day(0)), later, days=35)
    assert requests(settled) == [LATER_REQUEST]
    assert settled.row.holds_from == START + 10 * DAY_MS
    assert [item.request_id for item in settled.row.items] == [LATER_REQUEST]


def test_a_gap_of_the_retention_ends_an_item_and_a_new_event_opens_another() -> None:
    """In every fold: the later event does not see the earlier ones."""
    settled = after(dsp(**at_day(0)), csp("N60", **at_day(30)), days=31)
    (item,) = settled.found.items
    assert [report.code for report in item.reports] == ["N60"]
    assert item.device_type is None


def test_a_report_behind_the_gap_finds_no_item() -> None:
    """It waits, for it cannot open one."""
    settled = after(
        dsp(**at_day(0)), hub("CS06", 0, service_request_id=REQUEST, **at_day(31)), days=31
    )
    assert requests(settled) == []
    assert [report.code for report in settled.found.unmatched] == ["CS06"]


def test_without_a_gap_an_item_lives_on() -> None:
    """29 days, and another 29."""
    events = (dsp(**at_day(0)), csp("APPROVED", **at_day(29)), csp("N60", **at_day(58)))
    (item,) = after(*events, days=80).found.items
    assert len(item.reports) == 3


def test_a_gap_that_only_a_lagging_topic_can_close_is_not_judged_yet() -> None:
    """What was received before the partition's time is known; what came after it is not."""
    early, late = told(dsp(**at_day(0)), 0), told(csp("N60", **at_day(31)), 1)
    row = row_of([early, late])
    waiting = retain(row, R, START + 20 * DAY_MS)
    assert len(waiting.found.items[0].reports) == 2
    assert waiting.row.holds_from == START
    FOLD.add(waiting.row, told(csp("APPROVED", **at_day(21)), 2))
    assert len(retain(waiting.row, R, START + 40 * DAY_MS).found.items[0].reports) == 3


def test_a_report_keeps_the_item_that_its_hash_led_to() -> None:
    """Though the request that told the hash is forgotten first."""
    again = dsp(service_request_id=LATER_REQUEST, image_hash=None, **at_day(10))
    events = (dsp(**at_day(0)), again, hub("8F72", image_hash=HASH, **at_day(11)))
    (item,) = after(*events, days=35).found.items
    assert [report.code for report in item.reports] == ["I99", "8F72"]


def test_counts_of_what_was_left_out_go_with_the_last_record() -> None:
    """A device that comes back begins anew."""
    rules = Fold(CATALOGUE, DEVICE_TYPES, 5)
    repeats = [told(hub("8F72", at=n), n) for n in range(50)]
    row = row_of(repeats, rules)
    assert row.hub.left_out
    settled = retain(row, R, START + 30 * DAY_MS + 55 * MINUTE)
    assert settled.is_empty
    assert settled.row.hub.left_out == []


def test_a_stored_row_tells_what_ends_first_without_being_decoded_whole() -> None:
    """For the expiry index."""
    settled = after(dsp(**at_day(0)), csp("N60", **at_day(5)), days=6)
    assert holds_from(encode_row(settled.row)) == START + 5 * DAY_MS


@pytest.mark.parametrize("age", [R, R + DAY_MS, BROKEN_CLOCK_MS - 1])
def test_a_copy_of_an_event_that_would_be_forgotten_by_now_is_refused(age: int) -> None:
    """Else a late copy would open its item again."""
    with pytest.raises(BadRecord, match="expired-event: It happened"):
        told(dsp(at=0, heard=age / MINUTE), 0)


@pytest.mark.parametrize("age", [R - 1, BROKEN_CLOCK_MS])
def test_a_younger_event_and_a_clock_that_was_never_set_are_taken(age: int) -> None:
    """They count as received (rule 7)."""
    report = told(dsp(at=0, heard=age / MINUTE), 0)
    assert report.at == report.received_at


# --- the same in every fold ---


def readable(records: list[Record]) -> list[Record]:
    """Without those that are refused for their age."""
    return [r for r in records if r.received_at - r.fields["occurred_at"] < R]


@pytest.mark.deep
@given(records=logs(max_size=30).map(readable), hours=st.integers(0, 90))
def test_a_second_reading_of_the_design_forgets_the_same(records: list[Record], hours: int) -> None:
    """At any time, with gaps, copies and wrong clocks."""
    now = NOW + hours * HOUR
    settled = retain(row_of(map(report_of, records)), SHORT, now)
    shown = device_view("D", settled.row, CATALOGUE, SHORT)
    assert answer_of(shown) == reference.fold(reference_retention.held(records, SHORT, now))
    ends = [r.received_at for r in reports_of(settled.row)]
    assert settled.is_empty == (ends == [])
    if ends:
        assert settled.row.holds_from + SHORT > now


@pytest.mark.deep
@given(records=logs(max_size=30).map(readable), seed=st.integers(0, 2**32))
def test_live_with_sweeps_at_any_time_and_from_the_beginning_are_the_same_bytes(
    records: list[Record], seed: int
) -> None:
    """Each topic in its own order, as far as it likes ahead of the others."""
    rng = random.Random(seed)
    live = folded_live(records, rng)
    anew = retain(row_of(map(report_of, records)), SHORT, END)
    assert encode_row(live.row) == encode_row(anew.row)


def folded_live(records: list[Record], rng: random.Random) -> Retained:
    """Fold topic by topic in turns, settling as of the partition's time after each few records."""
    topics: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda r: (r.received_at, r.offset)):
        topics[record.source].append(record)
    read = dict.fromkeys(topics, 0)
    settled = Retained(FOLD.new_row(), retain(FOLD.new_row(), SHORT, 0).found)
    while waiting := [topic for topic, found in topics.items() if found]:
        topic = rng.choice(waiting)
        for _ in range(rng.randint(1, 4)):
            if topics[topic]:
                record = topics[topic].pop(0)
                read[topic] = record.received_at
                FOLD.add(settled.row, report_of(record))
        now = min([read[t] for t, found in topics.items() if found], default=END)
        settled = retain(stored(settled.row), SHORT, now)
    return retain(stored(settled.row), SHORT, END)


def stored(row: Row) -> Row:
    """The row by way of the disk."""
    return FOLD.stored_row(encode_row(row))


def test_settling_again_changes_nothing() -> None:
    """Sweeps may look at a row as often as they like."""
    events = (dsp(**at_day(0)), csp("N60", **at_day(5)), hub("8F72", **at_day(33)))
    settled = after(*events, days=34)
    before = encode_row(settled.row)
    assert encode_row(retain(stored(settled.row), R, START + 34 * DAY_MS).row) == before
