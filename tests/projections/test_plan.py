"""The fold against the sources' plan: two independent accounts of how every item must end."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from projections.events import RECORDS, Place, Reader, check_key
from projections.rows import encode_row
from projections.state import Row
from projections.views import DeviceView, device_view
from schemas.codec import BadRecord, Codec
from schemas.partitioning import partition_of
from schemas.topics import DAY_MS, TOPIC_SOURCES
from sources.planning.plan import Plan, build_plan
from sources.schedule import Schedule
from sources.wire import Wire
from tests.support.plans import differences, wires
from tests.support.rows import CATALOGUE, DEVICE_TYPES, FOLD
from tests.support.sabotage import SABOTAGE, break_rule

PARTITIONS = 4
SCHEDULE = Schedule.starting(1_795_000_000_000, 5_000.0)
READER = Reader(CATALOGUE, DEVICE_TYPES, 2 * DAY_MS)
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
    records = wires(plan, SCHEDULE, PARTITIONS)
    for publication, record in zip(plan.publications, records, strict=True):
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
    assert differences(shown, plan, SCHEDULE) == {}


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


def test_a_malformed_record_is_refused_with_its_reason(
    plan: Plan, records: list[tuple[Wire, Place]]
) -> None:
    """Each bad record has the reason its author gave it; nothing else is refused."""
    _, refused = folded(records)
    assert Counter(refused) == Counter(plan.malformed.values())


@pytest.mark.parametrize("rule", SABOTAGE)
def test_a_broken_rule_shows(
    rule: str, plan: Plan, records: list[tuple[Wire, Place]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan notices each rule of the fold when it is broken."""
    break_rule(rule, monkeypatch.setattr)
    rows, _ = folded(records)
    shown = {
        (item.service_request_id, item.device_id): item
        for device, row in rows.items()
        for item in view(device, row).items
    }
    assert differences(shown, plan, SCHEDULE) != {}


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
            FOLD.add(rows.setdefault(device, FOLD.new_row()), report)
    return rows, refused


def encoded(rows: dict[str, Row]) -> dict[str, bytes]:
    """The stored bytes of every row."""
    return {device: encode_row(row) for device, row in rows.items()}


def view(device: str, row: Row) -> DeviceView:
    """What is shown of a row."""
    return device_view(device, row, CATALOGUE, 30 * DAY_MS)
