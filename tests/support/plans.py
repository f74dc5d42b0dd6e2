"""A simulation plan put on a broker, and what is shown compared with what the plan says."""

from __future__ import annotations

import time
from collections import Counter

from confluent_kafka import Producer

from projections.views import ItemView
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from sources.planning.oracle import Expected
from sources.planning.plan import Plan
from sources.schedule import Schedule
from sources.wire import Wire, wire


def wires(plan: Plan, schedule: Schedule, partitions: int) -> list[Wire]:
    """The plan's records in order of publication."""
    codec = Codec()
    return [wire(publication, schedule, codec, partitions) for publication in plan.publications]


def publish(plan: Plan, bootstrap: str, partitions: int) -> Schedule:
    """Everything at once, in order; the schedule tells the base of the virtual times."""
    schedule = Schedule.starting(round(time.time() * 1000), 1_000_000.0)
    send(wires(plan, schedule, partitions), bootstrap)
    return schedule


def send(records: list[Wire], bootstrap: str) -> None:
    """Acknowledged by the broker, in order."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": PRODUCER_PARTITIONER,
            "enable.idempotence": True,
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
            "message.max.bytes": 2_000_000,
        }
    )
    for record in records:
        producer.produce(
            record.topic, record.value, record.key, record.partition, headers=record.headers
        )
    assert producer.flush(60) == 0


def differences(
    items: dict[tuple[str, str], ItemView], plan: Plan, schedule: Schedule
) -> dict[str, object]:
    """Journey -> (shown, expected), for every item that is not as the plan says."""
    found: dict[str, object] = {}
    for key in items.keys() ^ plan.expected.keys():
        found[plan.journeys[key[1]]] = ("shown", key in items, "expected", key in plan.expected)
    for key in items.keys() & plan.expected.keys():
        end = plan.expected[key]
        shown = told(items[key], end, schedule)
        if shown != end:
            found[plan.journeys[key[1]]] = (shown, end)
    return found


def told(item: ItemView, end: Expected, schedule: Schedule) -> Expected:
    """What is shown of an item, in the plan's terms."""
    evidence = next(e for e in item.timeline if e.evidence == item.evidence)
    at = None if "clock-skew" in evidence.marks else item.updated_at - schedule.base_ms
    code, _, result = item.reason.code.partition("/")
    timeline = [(e.evidence.event_id, frozenset(e.marks)) for e in item.timeline]
    doubled = [(event_id, frozenset({"doubled"})) for event_id in _doubled(timeline)]
    return Expected(
        status=item.status.label,  # type: ignore[arg-type]
        completion=item.completion.value,
        updated_at_ms=at,
        evidence_event_id=item.evidence.event_id,
        firmware_version=item.firmware_version,
        device_type=item.device_type,
        code=None if code == "RESET" else _spelled(code, end.code),
        timeline=frozenset(timeline + doubled),  # type: ignore[arg-type]
        result_code=int(result) if result else None,
    )


def _doubled(timeline: list[tuple[str, frozenset[str]]]) -> set[str]:
    """Events that stand in a timeline twice."""
    times = Counter(event_id for event_id, _ in timeline)
    return {event_id for event_id, count in times.items() if count > 1}


def _spelled(code: str, tidy: str | None) -> str:
    """Codes are compared without regard to case."""
    return tidy if tidy is not None and code == tidy.upper() else code
