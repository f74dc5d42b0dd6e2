"""The fold against the sources' plan: two independent accounts of how every item must end."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from projections.catalogue import load_catalogue
from projections.events import RECORDS, Place, Reader, check_key
from projections.fold import fold
from projections.state import Row, encode_row
from projections.views import DeviceView, ItemView, device_view
from schemas.codec import BadRecord, Codec
from schemas.partitioning import partition_of
from schemas.topics import DAY_MS, TOPIC_SOURCES
from sources.oracle import Expected
from sources.plan import Plan, build_plan
from sources.schedule import Schedule
from sources.wire import Wire, wire

PARTITIONS = 4
SCHEDULE = Schedule.starting(1_795_000_000_000, 5_000.0)
CATALOGUE = load_catalogue()
READER = Reader(CATALOGUE, frozenset({"ESME", "GSME"}), 2 * DAY_MS)
CODEC = Codec()


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Every kind of journey at least twice."""
    return build_plan(seed=11, requests=4, devices=600)


@pytest.fixture(scope="module")
def records(plan: Plan) -> list[tuple[Wire, Place]]:
    """The plan as the broker would hold it: offsets by topic and partition, received on time."""
    offsets: Counter[tuple[str, int]] = Counter()
    placed = []
    for publication in plan.publications:
        record = wire(publication, SCHEDULE, CODEC, PARTITIONS)
        received = round(SCHEDULE.due_ms(publication.publish_ms, publication.ordinal))
        place = Place(record.partition, offsets[record.topic, record.partition], received)
        offsets[record.topic, record.partition] += 1
        placed.append((record, place))
    return placed


def test_every_item_ends_as_the_plan_says(plan: Plan, records: list[tuple[Wire, Place]]) -> None:
    """Status, since, evidence, identity, timeline and marks agree with the journeys' own words."""
    rows, _ = folded(records)
    views = {device: view(device, row) for device, row in rows.items()}
    shown = {(i.service_request_id, i.device_id): i for v in views.values() for i in v.items}
    assert shown.keys() == plan.expected.keys()
    wrong = {
        plan.journeys[key[1]]: (told(shown[key], end), end)
        for key, end in plan.expected.items()
        if told(shown[key], end) != end
    }
    assert not wrong


def test_reports_without_a_request_wait_where_the_plan_says(
    plan: Plan, records: list[tuple[Wire, Place]]
) -> None:
    """Unmatched reports are neither guessed nor lost."""
    rows, _ = folded(records)
    waiting = {
        device: frozenset(entry.evidence.event_id for entry in view(device, row).unmatched)
        for device, row in rows.items()
    }
    assert {device: ids for device, ids in waiting.items() if ids} == plan.unmatched


def test_rubbish_is_refused_with_its_reason(
    plan: Plan, records: list[tuple[Wire, Place]]
) -> None:
    """Each bad record has the reason its author gave it; nothing else is refused."""
    _, refused = folded(records)
    assert Counter(refused) == Counter(plan.rubbish.values())


def test_any_order_gives_the_same_bytes(records: list[tuple[Wire, Place]]) -> None:
    """Invariant I2, over the whole plan at once."""
    straight, _ = folded(records)
    shuffled = records[:]
    random.Random(5).shuffle(shuffled)
    assert encoded(folded(shuffled)[0]) == encoded(straight)


def folded(records: list[tuple[Wire, Place]]) -> tuple[dict[str, Row], list[str]]:
    """Rows by device, and the reasons of what was refused."""
    rows: dict[str, Row] = {}
    refused = []
    for record, place in records:
        source = TOPIC_SOURCES[record.topic]
        try:
            fields = CODEC.decode(RECORDS[source], record.value)
            device, report = READER.report(source, fields, place)
            check_key(record.key, device)
            if partition_of(device, PARTITIONS) != record.partition:
                raise BadRecord("wrong-partition", "")
        except BadRecord as bad:
            refused.append(bad.reason)
        else:
            fold(rows.setdefault(device, Row(CATALOGUE.version)), report)
    return rows, refused


def encoded(rows: dict[str, Row]) -> dict[str, bytes]:
    """The stored bytes of every row."""
    return {device: encode_row(row) for device, row in rows.items()}


def view(device: str, row: Row) -> DeviceView:
    """What is shown of a row."""
    return device_view(device, row, CATALOGUE, 30 * DAY_MS)


def told(item: ItemView, end: Expected) -> Expected:
    """What is shown of an item, in the plan's terms."""
    skewed = next(e for e in item.timeline if e.evidence == item.evidence)
    at = None if "clock-skew" in skewed.marks else item.updated_at - SCHEDULE.base_ms
    code, _, result = item.reason.code.partition("/")
    return Expected(
        status=item.status.label,  # type: ignore[arg-type]
        completion=item.completion.value,
        updated_at_ms=at,
        evidence_event_id=item.evidence.event_id,
        firmware_version=item.firmware_version,
        device_type=item.device_type,
        code=None if code == "RESET" else code if end.code is None else _spelled(code, end.code),
        timeline=frozenset(
            (e.evidence.event_id, frozenset(e.marks)) for e in item.timeline  # type: ignore[misc]
        ),
        result_code=int(result) if result else None,
    )


def _spelled(code: str, tidy: str) -> str:
    """Codes are compared without regard to case."""
    return tidy if code == tidy.upper() else code
