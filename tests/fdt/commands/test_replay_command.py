"""``fdt replay`` on a real broker: events of a range, a table made anew, and what would change."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from fdt.analysis.parallel import Stopped
from fdt.analysis.replays import folding
from fdt.brokers.finding import Broker
from processor.partition.partition import Partition
from projections.catalogue import load_catalogue
from projections.events import RECORDS
from projections.rows import decode_row
from projections.views import device_view
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId
from schemas.partitioning import partition_of
from schemas.topics import CONTROL_KEY, DAY_MS, DSP_EVENTS, SOURCE_TOPICS, STATUS, TOPIC_SOURCES
from sources.planning.plan import build_plan
from tests.support.plans import publish
from tests.support.processes import worker
from tests.support.terminal import Ended, called, piped
from tests.support.topics import (
    Table,
    committed,
    create_anew,
    delete,
    table,
    wait_until_read,
)

PARTITIONS = 4
CATALOGUE = Path("projections/catalogue.toml")


@dataclass(frozen=True)
class World:
    """A broker with a campaign that is folded."""

    bootstrap: str
    folder: Path
    held: Table


@pytest.fixture(scope="module")
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Every kind of journey, malformed records among them."""
    address, folder = broker.bootstrap_servers, tmp_path_factory.mktemp("replay")
    create_anew(address)
    plan = build_plan(seed=7, requests=3, devices=160)
    publish(plan, address, PARTITIONS)
    with worker(address, folder):
        held = wait_until_read(address, len(plan.publications))
    return World(address, folder, held)


def replay(world: World, *words: str, data: str = "data") -> Ended:
    """``fdt replay``, here."""
    return called("replay", *words, "--json", **settings(world, data))


def settings(world: World, data: str) -> dict[str, str]:
    """Where everything is."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": world.bootstrap,
        "FDT_DATA_DIR": str(world.folder / data),
    }


def lines(ended: Ended) -> list[dict[str, Any]]:
    """What a replay that ended well printed."""
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def places(found: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """Where events stand."""
    return [(line["topic"], line["partition"], line["offset"]) for line in found]


def published(world: World) -> list[dict[str, Any]]:
    """Every committed event, oldest first in each partition of a topic."""
    codec, found = Codec(), list[dict[str, Any]]()
    for topic in SOURCE_TOPICS.values():
        for message in committed(world.bootstrap, topic):
            try:
                record = codec.decode(RECORDS[TOPIC_SOURCES[topic]], message.value())
            except BadRecord:
                record = None
            place = {"topic": topic, "partition": message.partition(), "offset": message.offset()}
            key = (message.key() or b"").decode(errors="replace")
            found.append({**place, "at": message.timestamp()[1], "record": record, "key": key})
    return found


def test_all_events_in_the_order_of_receipt(world: World) -> None:
    """Those that cannot be read with the reason."""
    found, there = lines(replay(world)), published(world)
    assert sorted(places(found)) == sorted(places(there))
    assert [line["received_at"] for line in found] == sorted(line["received_at"] for line in found)
    by_place = dict(zip(places(there), there, strict=True))
    for place, line in zip(places(found), found, strict=True):
        assert line["record"] == by_place[place]["record"]
        assert (line["problem"] is None) is (line["record"] is not None)


def test_one_device_and_one_request(world: World) -> None:
    """In any spelling; of a device only its partition is read."""
    device = sorted(world.held.rows)[5]
    (request, *_) = [key[0] for key in sorted(world.held.items()) if key[1] == device]
    there = published(world)
    of_device = places(lines(replay(world, "--device", device.lower())))
    assert sorted(of_device) == sorted(places([one for one in there if one["key"] == device]))
    of_request = places(lines(replay(world, "--request", request.lower())))
    named = [
        one
        for one in there
        if one["record"] and one["record"]["service_request_id"] in (request, request.lower())
    ]
    assert set(places(named)) <= set(of_request)
    both = lines(replay(world, "--device", device, "--request", request))
    assert set(places(both)) == set(of_device) & set(of_request)
    refused = replay(world, "--device", "nobody")
    assert refused.code == 2
    assert "Not a valid Device ID" in refused.err


def test_a_range_by_time_and_by_offset(world: World) -> None:
    """From included, to excluded."""
    there = published(world)
    times = sorted(one["at"] for one in there)
    first, last = times[len(times) // 3], times[2 * len(times) // 3]
    told = [datetime.fromtimestamp(at / 1000, UTC).isoformat() for at in (first, last)]
    found = lines(replay(world, "--from", told[0], "--to", told[1]))
    within = [one for one in there if first <= one["at"] < last]
    assert sorted(places(found)) == sorted(places(within))
    span = lines(replay(world, "--span", f"{DSP_EVENTS}:1:2-5"))
    assert places(span) == [(DSP_EVENTS, 1, offset) for offset in (2, 3, 4)]
    beyond = replay(world, "--span", f"{DSP_EVENTS}:1:2-5000000")
    assert beyond.code == 2
    assert f"{DSP_EVENTS}[1] ends at" in beyond.err


def digests(rows: dict[str, bytes]) -> dict[int, str]:
    """The digest of each partition of a table."""
    found = {number: hashlib.sha256() for number in range(PARTITIONS)}
    for device in sorted(rows):
        number = partition_of(DeviceId(device), PARTITIONS)
        found[number].update(b"%s %d " % (device.encode(), len(rows[device])) + rows[device])
    return {number: digest.hexdigest() for number, digest in found.items()}


def test_a_table_made_anew_is_the_table(world: World) -> None:
    """In processes of their own; asked for again nothing is read twice, and it is the same."""
    folder = str(world.folder / "anew")
    words = ("replay", "--table", folder, "--json", "--processes", "2")
    found = lines(piped(*words, **settings(world, "data")))
    assert {line["partition"]: line["digest"] for line in found} == digests(world.held.rows)
    assert sum(line["read"] for line in found) == world.held.counts["read"]
    assert sum(line["refused"] for line in found) == world.held.counts["dead_lettered"] > 0
    assert lines(replay(world, "--table", folder)) == found


def test_a_replay_that_was_ended_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two batches; it comes to the same rows, and reads the rest alone."""
    monkeypatch.setattr("processor.rebuild.feeding._BATCH", 20)
    whole = folding.fold

    def ended(task: folding.FoldTask, told: Any) -> folding.Folded:
        def stop(done: int) -> None:
            told(done)
            if done >= 60:
                raise Stopped

        return whole(task, stop)

    folder = str(world.folder / "ended")
    monkeypatch.setattr(folding, "fold", ended)
    with pytest.raises(Stopped):
        replay(world, "--table", folder)
    monkeypatch.setattr(folding, "fold", whole)
    found = lines(replay(world, "--table", folder))
    assert {line["partition"]: line["digest"] for line in found} == digests(world.held.rows)
    assert sum(line["read"] for line in found) == world.held.counts["read"]


def test_a_scratch_status_topic_is_what_the_live_one_would_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every record as the processor writes it, in one pass over the rows; again it is the same."""
    passes, rows = list[int](), Partition.rows

    def counted(self: Partition) -> Iterator[tuple[str, bytes]]:
        passes.append(self.number)
        return rows(self)

    monkeypatch.setattr(Partition, "rows", counted)
    name, folder = "scratch.status", str(world.folder / "scratch")
    words = ("--table", folder, "--status-topic", name)
    made = replay(world, *words)
    assert made.code == 0, made.err
    assert sorted(passes) == [0, 1, 2, 3]
    assert f"{len(world.held.rows):,} rows are in {name}." in made.err
    live, scratch = latest(world.bootstrap, STATUS), latest(world.bootstrap, name)
    assert scratch == live
    positions = {n: control["positions"] for n, control in world.held.controls.items()}
    found = table(world.bootstrap, topic=name)
    assert {n: control["positions"] for n, control in found.controls.items()} == positions
    assert replay(world, *words).code == 0
    assert latest(world.bootstrap, name) == live
    another = replay(world, "--table", str(world.folder / "other"), "--status-topic", name)
    assert another.code == 2
    assert f"{name} is there already" in another.err
    delete(world.bootstrap, name)


def latest(bootstrap: str, topic: str) -> dict[tuple[int | None, bytes | None], bytes | None]:
    """The last record of each key but the control record's, by partition."""
    records = {(one.partition(), one.key()): one.value() for one in committed(bootstrap, topic)}
    return {place: value for place, value in records.items() if place[1] != CONTROL_KEY}


@pytest.mark.parametrize("name", [STATUS, DSP_EVENTS])
def test_no_live_topic_is_written_by_a_replay(world: World, name: str) -> None:
    """Not the status topic, and no other of ours."""
    folder = str(world.folder / f"into-{name}")
    refused = replay(world, "--table", folder, "--status-topic", name)
    assert refused.code == 2
    assert f"{name} is a live topic" in refused.err


def other_catalogue(folder: Path) -> Path:
    """One that reads a code otherwise."""
    text = CATALOGUE.read_text(encoding="utf-8")
    text = text.replace('code = "N60"\nstatus = "Successful', 'code = "N60"\nstatus = "Failed')
    file = folder / "other.toml"
    file.write_text(re.sub(r'^version = ".*"', 'version = "next"', text, flags=re.MULTILINE))
    return file


def shown(held: Table, catalogue: Path | None) -> dict[tuple[str, str], tuple[str, int, int]]:
    """Status, since when and by which offset, of every item by device and request."""
    known = load_catalogue(catalogue)
    return {
        (device, item.service_request_id): (
            item.status.label,
            item.updated_at,
            item.evidence.offset,
        )
        for device, state in held.rows.items()
        for item in device_view(device, decode_row(state), known, 30 * DAY_MS).items
    }


def test_what_would_change_is_what_changes(world: World) -> None:
    """A mended catalogue tried first, then put in force; the rules in force change nothing."""
    same = replay(world, "--table", str(world.folder / "same"), "--compare")
    assert same.code == 0
    assert "0 items would change." in same.err
    other = other_catalogue(world.folder)
    words = ("--table", str(world.folder / "what-if"), "--catalogue", str(other), "--compare")
    changed = [line for line in lines(replay(world, *words)) if "before" in line]
    told = {(line["device_id"], line["service_request_id"]): line["after"] for line in changed}
    before = shown(world.held, None)
    assert any(before[key][0] != after for key, after in told.items())
    forced = called(
        "rebuild", FDT_CATALOGUE_PATH=str(other), FDT_SESSION_TIMEOUT="PT6S",
        **settings(world, "rebuild"),
    )  # fmt: skip
    assert forced.code == 0, forced.err
    after = shown(table(world.bootstrap), other)
    assert {key: is_now[0] for key, is_now in after.items() if before[key] != is_now} == told
    assert called("rebuild", FDT_SESSION_TIMEOUT="PT6S", **settings(world, "rebuild")).code == 0


def test_it_writes_nowhere_but_into_a_folder_of_its_own(world: World) -> None:
    """Not where live data is, not beside other files, not into another replay."""
    (world.folder / "data" / "mine" / "partition-0").mkdir(parents=True)
    (world.folder / "data" / "mine" / "partition-0" / "CURRENT").write_text("a store")
    for name in ("", "worker-0", "view-0/within", "run/worker-1", "mine"):
        live = replay(world, "--table", str(world.folder / "data" / name))
        assert live.code == 2
        assert "is where live data is" in live.err
    (world.folder / "mine").mkdir()
    (world.folder / "mine" / "thesis.doc").write_text("years of work")
    mine = replay(world, "--table", str(world.folder / "mine"))
    assert mine.code == 2
    assert "holds something else than a replay" in mine.err
    folder = str(world.folder / "days")
    assert replay(world, "--table", folder, "--retention-days", "3").code == 0
    another = replay(world, "--table", folder, "--retention-days", "4")
    assert another.code == 2
    assert "holds another replay" in another.err
    for words, why in (
        (("--compare",), "name its folder with --table"),
        (("--status-topic", "mine"), "name its folder with --table"),
        (("--table", folder, "--device", "00-DB-12-34-56-78-90-A0"), "A table is of all devices"),
        (("--span", "a:0:0-1", "--to", "2026-11-23"), "by --from and --to, or by --span"),
        (("--table", folder, "--device-types", "IHD"), "--device-types: IHD is none of"),
    ):
        refused = replay(world, *words)
        assert refused.code == 2
        assert why in refused.err


def test_what_is_deleted_is_named(fresh_topics: str, tmp_path: Path) -> None:
    """In both forms."""
    publish(build_plan(seed=8, requests=1, devices=40), fresh_topics, PARTITIONS)
    admin = AdminClient({"bootstrap.servers": fresh_topics})
    for future in admin.delete_records([TopicPartition(DSP_EVENTS, 1, 3)]).values():
        assert future.result().low_watermark == 3
    world = World(fresh_topics, tmp_path, Table())
    told = f"{DSP_EVENTS}[1]: 3 offsets"
    assert told in replay(world).err
    made = replay(world, "--table", str(tmp_path / "made"))
    assert told in made.err
    assert {line["partition"]: line["expired"] for line in lines(made)} == {0: 0, 1: 3, 2: 0, 3: 0}
