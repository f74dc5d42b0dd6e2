"""The analyst's library on a real broker: what it reads and folds is what is there and shown."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from fdt.brokers.finding import Broker
from fdt.errors import UserError
from fdt.settings import Settings
from firmware_tracking import Event, EventsDeleted, Item, events, fold, read_export
from schemas import headers
from schemas.codec import Codec
from schemas.event_ids import event_id_text, parse_event_id
from schemas.identifiers import (
    DeviceId,
    InvalidIdentifier,
    ServiceRequestId,
)
from schemas.partitioning import partition_of
from schemas.topics import CSP_EVENTS, DSP_EVENTS, SOURCE_TOPICS
from sources.planning.plan import Plan, build_plan
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import publish
from tests.support.processes import worker
from tests.support.terminal import called
from tests.support.topics import Table, committed, create_anew, table, wait_until_read

PARTITIONS = 4
STRANGER = "00-DB-12-34-56-78-90-FF"


@dataclass(frozen=True)
class World:
    """A broker with a campaign that is folded, and an export of it."""

    plan: Plan
    settings: Settings
    folder: Path
    held: Table


@pytest.fixture(scope="module")
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Also a record under another key, sent again as well; one in the wrong partition, which was
    sent again into the right one; and one that no schema reads."""
    address, folder = broker.bootstrap_servers, tmp_path_factory.mktemp("library")
    create_anew(address)
    plan = build_plan(seed=7, requests=3, devices=160)
    publish(plan, address, PARTITIONS)
    number = partition_of(DeviceId(DEVICE), PARTITIONS)
    right, wrong = Codec().encode("DspEvent", dsp_event()), (number + 1) % PARTITIONS
    producer = Producer({"bootstrap.servers": address})
    where: list[TopicPartition] = []

    def produce(value: bytes, key: str, partition: int, again: TopicPartition | None) -> None:
        told = {} if again is None else resent(again)
        producer.produce(
            DSP_EVENTS,
            value,
            key.encode(),
            partition,
            headers=list(told.items()),
            on_delivery=lambda _error, message: where.append(
                TopicPartition(DSP_EVENTS, message.partition() or 0, message.offset() or 0)
            ),
        )
        assert producer.flush(30) == 0

    produce(right, STRANGER, number, None)
    produce(right, STRANGER, number, where[-1])
    produce(b"no Avro", DEVICE, number, None)
    produce(right, DEVICE, wrong, None)
    produce(right, DEVICE, number, where[-1])
    with worker(address, folder):
        held = wait_until_read(address, len(plan.publications) + 5)
    ended = called("export", str(folder / "export"), KAFKA_BOOTSTRAP_SERVERS=address)
    assert ended.code == 0, ended.err
    return World(plan, Settings(kafka_bootstrap_servers=address), folder / "export", held)


def resent(place: TopicPartition) -> dict[str, str | bytes | None]:
    """The headers of a record that is sent again."""
    return {
        headers.RESENT_TOPIC: place.topic,
        headers.RESENT_PARTITION: str(place.partition),
        headers.RESENT_OFFSET: str(place.offset),
        headers.RESENT_TIMESTAMP: str(round(datetime.now(UTC).timestamp() * 1000)),
    }


def test_all_events_are_those_of_the_topics(world: World) -> None:
    """Each once, in the order of receipt."""
    address = world.settings.require_brokers()
    there = Counter(
        (topic, message.partition(), message.offset())
        for topic in SOURCE_TOPICS.values()
        for message in committed(address, topic)
    )
    found = list(events(settings=world.settings))
    assert Counter((e.topic, e.partition, e.offset) for e in found) == there
    assert [e.received_at for e in found] == sorted(e.received_at for e in found)
    assert len(found) == len(world.plan.publications) + 5


def test_what_they_come_to_is_what_is_shown(world: World) -> None:
    """Every field of every item, from the topics; in any order."""
    found = list(events(settings=world.settings))
    folded = fold(reversed(found), world.settings)
    assert shown(folded.items) == world.held.items()
    assert (DEVICE, "I99") in {(i.device_id, i.timeline[0].code) for i in folded.items}
    waiting = {event_id for ids in world.plan.unmatched.values() for event_id in ids}
    assert {entry.evidence.event_id for entry in folded.unmatched} == waiting
    expected = Counter(world.plan.malformed.values())
    expected.update(["key-mismatch", "key-mismatch", "bad-framing", "wrong-partition"])
    assert folded.refused == expected


def shown(items: tuple[Item, ...]) -> dict[tuple[str, str], Item]:
    """By request and device."""
    return {(item.service_request_id, item.device_id): item for item in items}


def test_an_export_says_the_same(world: World) -> None:
    """Whole, or one partition after the other; and it opens as typed datasets."""
    export = read_export(world.folder)
    whole = fold(export.read(), world.settings)
    assert shown(whole.items) == world.held.items()
    parts = [fold(export.read(number), world.settings) for number in export.partitions]
    assert export.partitions == [0, 1, 2, 3]
    assert shown(tuple(i for part in parts for i in part.items)) == world.held.items()
    refused = fold(events(settings=world.settings), world.settings).refused
    assert whole.refused == refused
    assert export.events.count_rows() == len(world.plan.publications) + 5
    assert str(export.events.schema.field("received_at").type) == "timestamp[ms, tz=UTC]"
    assert export.table.count_rows() == len(world.held.items())
    assert export.dead_letters.count_rows() == sum(refused.values())


def test_events_have_the_same_words_from_both(world: World) -> None:
    """Of an export in canonical form, and with the reason of whatever the processor refused."""

    def placed(found: Iterator[Event]) -> dict[tuple[str, int, int], Event]:
        return {(e.topic, e.partition, e.offset): e for e in found}

    topics = placed(events(settings=world.settings))
    export = placed(read_export(world.folder).read())
    assert topics.keys() == export.keys()
    for place, event in topics.items():
        other = export[place]
        assert (other.received_at, other.first) == (event.received_at, event.first)
        assert other.source is event.source
        if other.refused is None:
            for name in ("event_id", "device_id", "service_request_id"):
                assert getattr(other, name) == _canonical(name, getattr(event, name))
            assert other.fields.keys() == event.fields.keys()
            assert (other.code, other.occurred_at) == (event.code, event.occurred_at)
            assert event.refused is None
        else:
            assert event.refused in (None, other.refused)
    assert Counter(event.refused for event in export.values())[None] > 400


def _canonical(name: str, text: str | None) -> str | None:
    """As the identifiers' own parser spells it."""
    if text is None:
        return None
    parse = {"device_id": DeviceId.parse, "service_request_id": ServiceRequestId.parse}
    return parse[name](text) if name in parse else event_id_text(parse_event_id(text))


def test_a_device_a_request_and_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone and together, with settings from the environment."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", world.settings.require_brokers())
    whole = list(events())
    device = world.plan.devices[3].device_id
    request = next(key[0] for key in world.plan.expected if key[1] == device)
    of_device = list(events(device=device.lower()))
    assert of_device == [e for e in whole if _plain(e.device_id) == device and _keyed(e)]
    assert len(of_device) > 2
    of_request = list(events(request=request))
    spelled = {_canonical("service_request_id", e.service_request_id) for e in of_request}
    assert spelled == {request}
    both = list(events(request=request, device=device))
    assert both == [e for e in of_request if e in of_device] != []
    middle = datetime.fromtimestamp(whole[len(whole) // 2].received_at / 1000, UTC)
    before, after = list(events(until=middle)), list(events(since=middle.replace(tzinfo=None)))
    assert before + after == whole
    assert before != [] != after


def _plain(text: str | None) -> str:
    return (text or "").strip().upper()


def _keyed(event: Event) -> bool:
    """Whether the record stands under its own key, by which a device's are found."""
    return event.refused not in ("key-mismatch", "missing-key")


def test_what_is_none_is_said(world: World, tmp_path: Path) -> None:
    """An ID, a folder, a format, a layout."""
    with pytest.raises(InvalidIdentifier):
        next(events(device="meter 7", settings=world.settings))
    with pytest.raises(UserError, match=r"has no export\.json: name the folder of an fdt export"):
        read_export(tmp_path)
    manifest = json.loads((world.folder / "export.json").read_text())
    for change, message in (({"format": "csv"}, "export as Parquet"), ({"layout": 9}, "layout 9")):
        (tmp_path / "export.json").write_text(json.dumps(manifest | change))
        with pytest.raises(UserError, match=message):
            read_export(tmp_path)


def test_an_export_of_nothing_has_no_rows(world: World, tmp_path: Path) -> None:
    """And folds to nothing."""
    (tmp_path / "export.json").write_text((world.folder / "export.json").read_text())
    export = read_export(str(tmp_path))
    assert export.events.count_rows() == export.table.count_rows() == 0
    assert (export.partitions, list(export.read()), fold(export.read()).items) == ([], [], ())


def test_what_was_deleted_is_named(fresh_topics: str) -> None:
    """By a warning; what is left is read."""
    settings = Settings(kafka_bootstrap_servers=fresh_topics)
    plan = build_plan(seed=8, requests=1, devices=40)
    publish(plan, fresh_topics, PARTITIONS)
    admin = AdminClient({"bootstrap.servers": fresh_topics})
    (future,) = admin.delete_records([TopicPartition(CSP_EVENTS, 1, 2)]).values()
    assert future.result().low_watermark == 2
    with pytest.warns(EventsDeleted, match=r"firmware\.csp\.v1\[1\]: 2 offsets before 2"):
        found = list(events(settings=settings))
    assert len(found) == len(plan.publications) - 2
    assert table(fresh_topics).items() == {}


PROGRAM = """
from firmware_tracking import events, fold, read_export

for event in read_export("folder").read(2):
    reveal_type(event.occurred_at)
for item in fold(events(device="any")).items:
    reveal_type(item.status.label)
    reveal_type(item.timeline[0].received_at)
    item.stage
"""


def test_an_analysts_program_has_types(tmp_path: Path) -> None:
    """Checked from outside, where only what is installed is seen."""
    (tmp_path / "program.py").write_text(PROGRAM)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = checked.stdout.splitlines()
    assert [line.partition(" note: Revealed type is ")[2] for line in told[:3]] == [
        '"int | None"',
        '"str"',
        '"int"',
    ], checked.stdout + checked.stderr
    assert '"ItemView" has no attribute "stage"' in told[3]
    assert len(told) == 5
