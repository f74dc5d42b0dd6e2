"""The DSP's duplicate check: re-sends are judged as planned, by the register alone."""

from __future__ import annotations

import pytest

from schemas.topics import Source
from sources.judging.duplicate_judge import DuplicateJudge
from sources.judging.register import Register, word_of
from sources.planning.events import PlannedEvent
from sources.planning.plan import Plan
from sources.publisher import SourceError


class NoFeed:
    """Everything is in the register already."""

    def watches(self, device_id: str) -> bool:
        """It listens for every device."""
        return bool(device_id)

    def read(self, seconds: float) -> None:
        """Nothing more comes."""


class LateFeed(NoFeed):
    """The word comes at the third reading."""

    def __init__(self, register: Register, event: PlannedEvent) -> None:
        self.readings = 0
        self._register = register
        self._event = event

    def read(self, seconds: float) -> None:
        """One word, at the third call; then the judge need not wait."""
        assert seconds >= 0
        self.readings += 1
        if self.readings == 3:
            hear(self._register, self._event)


def hear(register: Register, event: PlannedEvent) -> None:
    """Puts a planned event's word into the register."""
    word = word_of(event.source, {**event.fields, "occurred_at": event.occurred_ms})
    if word is not None:
        register.hear(event.device_id, word)


def resends(plan: Plan, decision: str) -> list[PlannedEvent]:
    """The DSP's decisions of one kind."""
    return [event for event in plan.events if event.resend == decision]


def test_the_plan_s_decisions_are_those_of_the_register(plan: Plan) -> None:
    """With what was published before the decision, and nothing else, in order of publication."""
    register = Register()
    judge = DuplicateJudge(register, NoFeed(), patience_seconds=0)
    judged = {"accepted": 0, "refused": 0}
    for publication in plan.publications:
        event = publication.content
        if not isinstance(event, PlannedEvent) or publication.is_copy or event.skew_ms:
            continue
        if event.source is not Source.DSP:
            hear(register, event)
            continue
        judge.before(event, event.occurred_ms)
        judge.after(event, event.occurred_ms)
        if event.resend:
            judged[event.resend] += 1
    assert all(judged.values())


def of_device(plan: Plan, decision: PlannedEvent) -> list[PlannedEvent]:
    """The device's events that occurred before a decision."""
    return [
        event
        for event in plan.events
        if event.device_id == decision.device_id and event.occurred_ms < decision.occurred_ms
    ]


def first_request(plan: Plan, decision: PlannedEvent, judge: DuplicateJudge) -> list[PlannedEvent]:
    """Takes the device on under its first request; what the others said of it."""
    earlier = of_device(plan, decision)
    for event in earlier:
        if event.source is Source.DSP:
            judge.after(event, event.occurred_ms)
    return [event for event in earlier if event.source is not Source.DSP]


def test_an_acceptance_waits_for_the_end_of_the_earlier_request(plan: Plan) -> None:
    """Reading on until it is heard."""
    decision = resends(plan, "accepted")[0]
    register = Register()
    said = first_request(plan, decision, DuplicateJudge(register, NoFeed()))
    *before, end = sorted(said, key=lambda event: event.occurred_ms)
    for event in before:
        hear(register, event)
    feed = LateFeed(register, end)
    DuplicateJudge(register, feed).before(decision, decision.occurred_ms)
    assert feed.readings == 3


def test_an_acceptance_does_not_wait_for_ever(plan: Plan) -> None:
    """One sentence says what to look at."""
    decision = resends(plan, "accepted")[0]
    judge = DuplicateJudge(Register(), NoFeed(), patience_seconds=0)
    first_request(plan, decision, judge)
    with pytest.raises(SourceError, match=r"still open on .* check that the other three"):
        judge.before(decision, decision.occurred_ms)


def test_a_refusal_without_an_open_request_is_an_error(plan: Plan) -> None:
    """The topics then hold something that is not of this run."""
    decision = resends(plan, "refused")[0]
    judge = DuplicateJudge(Register(), NoFeed())
    with pytest.raises(SourceError, match="use another seed"):
        judge.before(decision, decision.occurred_ms)
