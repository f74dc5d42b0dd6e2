"""The expected final state of items, as the author of each journey wrote it beside the journey.

Nothing here folds, compares times or ranks statuses. The tracker is right if its table is equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sources.planning.events import PlannedEvent
from sources.planning.vocabulary import COMPLETIONS, Completion, Mark, Status


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected state of one item (request, device), once all events are folded.

    ``updated_at_ms`` is virtual milliseconds from the plan's start (add the schedule's
    ``base_ms``), or ``None`` if the evidence had a wrong clock, so that its received time counts.
    ``code`` and ``result_code`` are the native code of the evidence (compare without regard to
    case); a Reset has none. ``timeline`` has every event of the item with its marks.
    """

    status: Status
    completion: Completion
    updated_at_ms: int | None
    evidence_event_id: str
    firmware_version: str
    device_type: str
    code: str | None
    timeline: frozenset[tuple[str, frozenset[Mark]]]
    result_code: int | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """The events of an item that are expected to have a mark."""

    late: tuple[PlannedEvent, ...] = ()
    superseded: tuple[PlannedEvent, ...] = ()
    after_reset: tuple[PlannedEvent, ...] = ()

    def of(self, event: PlannedEvent) -> frozenset[Mark]:
        """Marks of one event; that of a wrong clock follows from the event."""
        marks: set[Mark] = set()
        if event in self.late:
            marks.add("late")
        if event in self.superseded:
            marks.add("superseded")
        if event in self.after_reset:
            marks.add("after-reset")
        if event.skew_ms is not None:
            marks.add("clock-skew")
        return frozenset(marks)


def ending(
    status: Status,
    evidence: PlannedEvent,
    *,
    firmware_version: str,
    device_type: str,
    events: Iterable[PlannedEvent],
    marked: Marked,
) -> Expected:
    """An :class:`Expected` from the arguments of ``Script.ends``."""
    return Expected(
        status=status,
        completion=COMPLETIONS[status],
        updated_at_ms=evidence.occurred_ms if evidence.skew_ms is None else None,
        evidence_event_id=evidence.event_id,
        firmware_version=firmware_version,
        device_type=device_type,
        code=evidence.code,
        timeline=frozenset((event.event_id, marked.of(event)) for event in events),
        result_code=evidence.result_code,
    )
