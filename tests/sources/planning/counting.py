"""How many of what a plan holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from schemas.topics import Source
from sources.planning.events import PlannedEvent
from sources.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class Counts:
    """``publications`` = ``events`` + ``copies`` + ``malformed``."""

    publications: int
    events: int
    copies: int
    malformed: int
    out_of_order: int
    """Events first published after one of the same device that occurred later."""
    hub_events: int
    hub_events_without_request: int
    by_source: dict[Source, int]
    """Publications of each source."""
    by_reason: dict[str, int]
    """Dead letters by reason code."""
    by_kind: dict[str, int]
    """Devices by kind of journey."""


def counts_of(plan: Plan) -> Counts:
    """All of them."""
    hub = [event for event in plan.events if event.source is Source.COMMS_HUB]
    return Counts(
        publications=len(plan.publications),
        events=len(plan.events),
        copies=sum(p.is_copy for p in plan.publications),
        malformed=len(plan.malformed),
        out_of_order=_out_of_order(plan),
        hub_events=len(hub),
        hub_events_without_request=sum(e.fields["service_request_id"] is None for e in hub),
        by_source=dict(Counter(p.content.source for p in plan.publications)),
        by_reason=dict(Counter(plan.malformed.values())),
        by_kind=dict(Counter(plan.journeys.values())),
    )


def _out_of_order(plan: Plan) -> int:
    latest: dict[str, int] = {}
    behind = 0
    for publication in plan.publications:
        event = publication.content
        if publication.is_copy or not isinstance(event, PlannedEvent):
            continue
        seen = latest.get(event.device_id, -1)
        behind += event.occurred_ms < seen
        latest[event.device_id] = max(seen, event.occurred_ms)
    return behind
