"""The expectations of a plan are consistent with the plan itself, whatever any fold makes of it."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from schemas.topics import Source
from sources.planning.events import PlannedEvent
from sources.planning.oracle import Expected
from sources.planning.plan import Plan
from sources.planning.vocabulary import COMPLETIONS, Completion, Mark, Status

SOURCES: dict[Status, Source] = {
    "Rejected by DSP": Source.DSP,
    "Accepted by DSP": Source.DSP,
    "Not Accepted by CSP": Source.CSP,
    "Approved for Distribution": Source.CSP,
    "Failed CH Transfer": Source.CSP,
    "Successful CH Transfer": Source.CSP,
    "Not Delivered at HAN": Source.COMMS_HUB,
    "Successful HAN Transfer": Source.COMMS_HUB,
    "Activation Failed": Source.COMMS_HUB,
    "Firmware Activated": Source.COMMS_HUB,
    "Reset by DCC": Source.SSMI,
}
"""Whose event may set a status."""


@pytest.fixture(scope="module")
def events(plan: Plan) -> dict[str, PlannedEvent]:
    """Every event by its ID."""
    return {event.event_id: event for event in plan.events}


def items(plan: Plan) -> list[tuple[str, Expected]]:
    """(Device ID, ending) of every item."""
    return [(device_id, end) for (_, device_id), end in plan.expected.items()]


def marks_of(end: Expected) -> dict[str, frozenset[Mark]]:
    """Event ID -> marks."""
    return dict(end.timeline)


def test_every_status_and_mark_is_an_ending_somewhere(plan: Plan) -> None:
    """The plan proves every row of the lifecycle table."""
    ends = list(plan.expected.values())
    assert {end.status for end in ends} == set(get_args(Status))
    assert {end.completion for end in ends} == set(get_args(Completion))
    assert {mark for end in ends for marks in marks_of(end).values() for mark in marks} == set(
        get_args(Mark)
    )


def test_completions_match_statuses(plan: Plan) -> None:
    """Only Firmware Activated is Complete."""
    assert all(end.completion == COMPLETIONS[end.status] for _, end in items(plan))


def test_evidence_is_an_event_of_the_item_by_the_right_source(
    plan: Plan, events: dict[str, PlannedEvent]
) -> None:
    """It exists, concerns the device, and its source may set the status."""
    for device_id, end in items(plan):
        evidence = events[end.evidence_event_id]
        assert evidence.device_id == device_id
        assert evidence.source is SOURCES[end.status]
        assert (end.code, end.result_code) == (evidence.code, evidence.result_code)
        assert (end.code is None) == (end.status == "Reset by DCC")


def test_evidence_carries_no_mark_but_a_wrong_clock(plan: Plan) -> None:
    """What became the status is neither late nor superseded."""
    for _, end in items(plan):
        assert marks_of(end)[end.evidence_event_id] <= {"clock-skew"}


def test_the_time_of_the_status_is_the_evidence_s(
    plan: Plan, events: dict[str, PlannedEvent]
) -> None:
    """Or unknown, exactly where the evidence had a wrong clock."""
    for _, end in items(plan):
        evidence = events[end.evidence_event_id]
        honest = evidence.skew_ms is None
        assert end.updated_at_ms == (evidence.occurred_ms if honest else None)


def test_every_event_is_told_of_in_one_place(plan: Plan) -> None:
    """In one item's timeline, among the unmatched, or on an item that is not served."""
    told = Counter(event_id for _, end in items(plan) for event_id, _ in end.timeline)
    told.update(event_id for ids in plan.unmatched.values() for event_id in ids)
    assert set(told.values()) == {1}
    hidden_devices = {device_id for _, device_id in plan.hidden}
    untold = [event for event in plan.events if event.event_id not in told]
    assert {event.device_id for event in untold} == hidden_devices


def test_timelines_hold_events_of_their_own_device(
    plan: Plan, events: dict[str, PlannedEvent]
) -> None:
    """No story leaks into another device's."""
    for device_id, end in items(plan):
        assert {events[event_id].device_id for event_id, _ in end.timeline} == {device_id}


def test_marks_mean_what_they_say(plan: Plan, events: dict[str, PlannedEvent]) -> None:
    """After a Reset only on reset items, a wrong clock where there is one, never two others."""
    for _, end in items(plan):
        for event_id, marks in end.timeline:
            assert ("clock-skew" in marks) == (events[event_id].skew_ms is not None)
            assert len(marks - {"clock-skew"}) <= 1
            if "after-reset" in marks:
                assert end.status == "Reset by DCC"
            elif end.status == "Reset by DCC":
                assert not marks & {"late", "superseded"}


def test_only_hubs_and_the_service_centre_wait_unmatched(
    plan: Plan, events: dict[str, PlannedEvent]
) -> None:
    """DSP and CSP open what they name."""
    waiting = [events[event_id] for ids in plan.unmatched.values() for event_id in ids]
    assert {event.source for event in waiting} == {Source.COMMS_HUB, Source.SSMI}


def test_hidden_items_are_not_expected(plan: Plan) -> None:
    """Kept, and not served."""
    assert plan.hidden
    assert not plan.hidden & set(plan.expected)


def test_a_wrong_clock_is_the_last_to_report(plan: Plan) -> None:
    """Its received time moves with the speed, so nothing may depend on what comes after it."""
    for event in plan.events:
        if event.skew_ms is not None:
            others = [e for e in plan.events if e.device_id == event.device_id and e is not event]
            assert all(other.occurred_ms < event.publish_ms for other in others)


def test_the_same_identifier_is_spelled_in_several_ways(plan: Plan) -> None:
    """Canonical spelling is the tracker's work."""
    rough = sum(event.fields["device_id"] != event.device_id for event in plan.events)
    assert 0.01 <= rough / len(plan.events) <= 0.05
