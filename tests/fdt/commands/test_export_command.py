"""``fdt export`` on a real broker: what went in comes out, in every tool, however often it runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from fdt.analysis.exports import event_rows, export_folder
from fdt.brokers.finding import Broker
from projections.events import RECORDS
from schemas import headers
from schemas.codec import BadRecord, Codec
from schemas.identifiers import ServiceRequestId
from schemas.topics import DEAD_LETTERS, DSP_EVENTS, SOURCE_TOPICS, TOPIC_SOURCES
from sources.planning.plan import build_plan
from tests.support.events import DEVICE, REQUEST, dsp_event
from tests.support.plans import publish
from tests.support.processes import worker
from tests.support.terminal import Ended, called, piped
from tests.support.topics import committed, create_anew, dead_letters, table, wait_until_read

PARTITIONS = 4
OWNER = "90-B3-D5-1F-30-01-00-00"


@dataclass(frozen=True)
class World:
    """A broker with a campaign that is folded, and an export of it."""

    bootstrap: str
    folder: Path
    lines: list[dict[str, Any]]


def export(bootstrap: str, *words: str) -> Ended:
    """``fdt export``: here, or as a command of its own where it starts others."""
    if "--processes" in words:
        return piped("export", *words, "--json", KAFKA_BOOTSTRAP_SERVERS=bootstrap)
    return called("export", *words, "--json", KAFKA_BOOTSTRAP_SERVERS=bootstrap)


def exported(bootstrap: str, *words: str) -> list[dict[str, Any]]:
    """Its lines, of one that ends well."""
    ended = export(bootstrap, *words)
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.fixture(scope="module")
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> World:
    """With a record that no schema reads, one sent again, one spelt otherwise, a settled letter."""
    address, folder = broker.bootstrap_servers, tmp_path_factory.mktemp("export")
    create_anew(address)
    plan = build_plan(seed=7, requests=3, devices=120)
    publish(plan, address, PARTITIONS)
    producer = Producer({"bootstrap.servers": address})
    producer.produce(DSP_EVENTS, b"no Avro", DEVICE.encode(), 1)
    odd = dsp_event(device_id=f" {DEVICE.lower()}", service_request_id=REQUEST.lower())
    again = {
        headers.RESENT_TOPIC: DSP_EVENTS,
        headers.RESENT_PARTITION: "1",
        headers.RESENT_OFFSET: "17",
        headers.RESENT_TIMESTAMP: "1790000000123",
    }
    again_told: list[tuple[str, str | bytes | None]] = [*again.items()]
    value = Codec().encode("DspEvent", odd)
    producer.produce(DSP_EVENTS, value, DEVICE.encode(), 1, headers=again_told)
    settles: list[tuple[str, str | bytes | None]] = [
        (headers.DL_SETTLED, b"dropped"),
        (headers.DL_LETTER, b"0"),
    ]
    producer.produce(DEAD_LETTERS, None, None, 0, headers=settles)
    assert producer.flush(30) == 0
    with worker(address, folder):
        wait_until_read(address, len(plan.publications) + 2)
    lines = exported(address, str(folder / "parquet"))
    return World(address, folder, lines)


def files(folder: Path) -> dict[str, str]:
    """Path -> digest of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(folder: Path, format: str = "parquet") -> list[dict[str, Any]]:
    """Every event row, in the order of places."""
    paths = sorted((folder / "events").rglob(f"*.{format}"))
    rows = [
        row
        for path in paths
        for row in export_folder.read_rows(path, event_rows.SCHEMA).to_pylist()
    ]
    return sorted(rows, key=lambda row: (row["topic"], row["partition"], row["offset"]))


def test_rows_in_are_rows_out(world: World) -> None:
    """Each with its place, its received time and every field as it was published."""
    codec, expected = Codec(), list[dict[str, Any]]()
    for topic in sorted(SOURCE_TOPICS.values()):
        for message in committed(world.bootstrap, topic):
            row: dict[str, Any] = {"topic": topic}
            row |= {"partition": message.partition(), "offset": message.offset()}
            row["received_at"] = message.timestamp()[1]
            try:
                row |= codec.decode(RECORDS[TOPIC_SOURCES[topic]], message.value())
            except BadRecord as bad:
                row["problem"] = bad.reason
            expected.append(row)
    expected.sort(key=lambda row: (row["topic"], row["partition"], row["offset"]))
    found = rows_of(world.folder / "parquet")
    assert len(found) == len(expected) > 400
    assert sum(line["rows"] for line in world.lines if "dsp" in line["topic"]) > 100
    for row, right in zip(found, expected, strict=True):
        for name, value in right.items():
            if row["problem"] != "invalid-occurred-at" or name != "occurred_at":
                assert plain(row[name]) == spelt(name, value), (name, row)
    problems = {row["problem"] for row in found}
    assert {None, "bad-framing", "invalid-occurred-at"} <= problems


def plain(value: Any) -> Any:
    """Times as milliseconds."""
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def spelt(name: str, value: Any) -> Any:
    """As the export spells it: what is an identifier is in canonical form."""
    if not isinstance(value, str):
        return value
    column = event_rows.canonical(name, pa.array([value]))
    return column[0].as_py()


def test_identifiers_are_canonical_and_places_are_kept(world: World) -> None:
    """Of a record that was sent again, in another spelling."""
    (row,) = [row for row in rows_of(world.folder / "parquet") if row["first_offset"] is not None]
    assert (row["device_id"], row["service_request_id"], row["owner"]) == (DEVICE, REQUEST, OWNER)
    assert (row["first_partition"], row["first_offset"]) == (1, 17)
    assert row["first_received_at"] == datetime(2026, 9, 21, 14, 13, 20, 123_000, UTC)


def test_dead_letters_and_what_settles_them(world: World) -> None:
    """Each letter with its reason; a settlement names the letter."""
    found = ds.dataset(world.folder / "parquet" / "dead-letters", partitioning="hive").to_table()
    letters = [row for row in found.to_pylist() if row["settled"] is None]
    reasons = sorted(letter["dl_reason"].decode() for letter in dead_letters_told(world.bootstrap))
    assert sorted(row["reason"] for row in letters) == reasons
    assert all(row["value_base64"] is not None or row["reason"] == "null-value" for row in letters)
    (settled,) = [row for row in found.to_pylist() if row["settled"] is not None]
    assert (settled["partition"], settled["settles_offset"], settled["settled"]) == (
        0,
        0,
        "dropped",
    )


def dead_letters_told(bootstrap: str) -> list[dict[str, bytes]]:
    """The headers of those that are letters."""
    return [told for told in dead_letters(bootstrap) if headers.DL_REASON in told]


def test_the_table_is_what_is_shown(world: World) -> None:
    """Every item, with the event behind it."""
    shown = table(world.bootstrap).items()
    rows = ds.dataset(world.folder / "parquet" / "table").to_table().to_pylist()
    assert {(row["service_request_id"], row["device_id"]) for row in rows} == shown.keys()
    for row in rows:
        item = shown[row["service_request_id"], row["device_id"]]
        assert (row["status"], row["completion"]) == (item.status.label, item.completion.value)
        assert (row["reason_code"], row["reason"]) == (item.reason.code, item.reason.text)
        assert plain(row["updated_at"]) == item.updated_at
        assert (row["topic"], row["partition"], row["offset"], row["event_id"]) == (
            item.evidence.topic,
            item.evidence.partition,
            item.evidence.offset,
            item.evidence.event_id,
        )
        assert row["events"] == len(item.timeline)


def answer(question: str) -> list[Any]:
    """What DuckDB says."""
    said = duckdb.sql(question)
    assert said is not None
    return said.fetchall()


def test_it_opens_in_duckdb_polars_and_pandas(world: World) -> None:
    """As it is, with one call, with the same rows and with typed times."""
    folder = world.folder / "parquet"
    rows = rows_of(folder)
    per_source = sorted((source, sum(row["topic"] == topic for row in rows)) for source, topic in (
        ("comms-hub", "firmware.comms-hub.v1"),
        ("csp", "firmware.csp.v1"),
        ("dsp", "firmware.dsp.v1"),
        ("ssmi", "firmware.ssmi.v1"),
    ))  # fmt: skip
    duck = answer(
        f"SELECT source, count(*) FROM read_parquet('{folder}/events/**/*.parquet', "
        "hive_partitioning = true) GROUP BY source ORDER BY source"
    )
    assert duck == per_source
    with_polars = pl.read_parquet(folder / "events", hive_partitioning=True)
    assert with_polars.group_by("source").len().sort("source").rows() == per_source
    assert with_polars.schema["received_at"] == pl.Datetime("ms", "UTC")
    with_pandas = pd.read_parquet(folder / "events")
    assert sorted(with_pandas.groupby("source", observed=True).size().items()) == per_source
    assert str(with_pandas["received_at"].dtype) == "datetime64[ms, UTC]"
    assert with_pandas["device_id"].iloc[0].count("-") == 7


def test_failures_by_reason_and_week_are_one_question(world: World) -> None:
    """Over the table, in DuckDB."""
    found = answer(
        "SELECT date_trunc('week', updated_at) AS week, reason_code, count(*) FROM "
        f"'{world.folder}/parquet/table/*.parquet' WHERE completion = 'Failed' GROUP BY ALL"
    )
    failed = [
        item for item in table(world.bootstrap).items().values() if item.completion == "Failed"
    ]
    assert sum(count for _, _, count in found) == len(failed) > 5


def test_csv_says_the_same(world: World) -> None:
    """No value and an empty text are told apart; every tool reads the times."""
    folder = world.folder / "csv"
    lines = exported(world.bootstrap, str(folder), "--format", "csv")
    assert lines == world.lines
    assert rows_of(folder, "csv") == rows_of(world.folder / "parquet")
    one = next((folder / "events").rglob("*.csv"))
    assert pl.read_csv(one, try_parse_dates=True).height == len(pd.read_csv(one))


def test_an_export_made_again_has_the_same_bytes(world: World) -> None:
    """Also one made in parts: a file depends on the log alone."""
    again = world.folder / "again"
    exported(world.bootstrap, str(again), "--only", "events", "--processes", "2")
    exported(world.bootstrap, str(again))
    assert files(again) == files(world.folder / "parquet")
    lines = exported(world.bootstrap, str(again))
    assert sum(line["read"] for line in lines if line["topic"] in TOPIC_SOURCES) == 0
    assert files(again) == files(world.folder / "parquet")


def test_a_suppliers_own(world: World) -> None:
    """Requests of that User ID and nothing else, in all three."""
    folder = world.folder / "own"
    exported(world.bootstrap, str(folder), "--owner", OWNER.lower())
    rows, everybodys = rows_of(folder), rows_of(world.folder / "parquet")
    assert rows == [row for row in everybodys if row["owner"] == OWNER]
    assert 0 < len(rows) < len(everybodys)
    for part in ("table", "dead-letters"):
        found = ds.dataset(folder / part, partitioning="hive").to_table().to_pylist()
        assert {row["owner"] for row in found} == {OWNER}
        assert all(
            ServiceRequestId.parse(row["service_request_id"]).owner == OWNER for row in found
        )
    refused = export(world.bootstrap, str(folder))
    assert refused.code == 2
    assert f"another owner ({OWNER}, not everybody)" in refused.err


def test_it_goes_on_where_it_ended(fresh_topics: str, tmp_path: Path) -> None:
    """What came meanwhile joins its block's file; what a killed run left does not count."""
    folder, whole = tmp_path / "parts", tmp_path / "whole"
    plan = build_plan(seed=8, requests=1, devices=40)
    publish(plan, fresh_topics, PARTITIONS)
    exported(fresh_topics, str(folder), "--only", "events")
    before = rows_of(folder)
    manifest = (folder / "export.json").read_bytes()
    publish(plan, fresh_topics, PARTITIONS)
    exported(fresh_topics, str(folder), "--only", "events")
    (folder / "export.json").write_bytes(manifest)  # as if it had been killed before its end
    (folder / "events" / "left.parquet.part").write_bytes(b"half")
    exported(fresh_topics, str(folder), "--only", "events")
    assert len(rows_of(folder)) == 2 * len(before) == 2 * len(plan.publications)
    exported(fresh_topics, str(whole), "--only", "events")
    assert files(folder) == files(whole)


def test_what_was_deleted_meanwhile_is_named(fresh_topics: str, tmp_path: Path) -> None:
    """With exit code 1; what is left is exported all the same."""
    folder = str(tmp_path / "export")
    publish(build_plan(seed=8, requests=1, devices=40), fresh_topics, PARTITIONS)
    exported(fresh_topics, folder, "--only", "events")
    publish(build_plan(seed=9, requests=1, devices=40), fresh_topics, PARTITIONS)
    admin = AdminClient({"bootstrap.servers": fresh_topics})
    for future in admin.delete_records([TopicPartition(DSP_EVENTS, 1, -1)]).values():
        end = future.result().low_watermark
    ended = export(fresh_topics, folder, "--only", "events")
    assert ended.code == 1
    told = [json.loads(line) for line in ended.out.splitlines()]
    (gap,) = [line for line in told if line["missing"]]
    assert (gap["topic"], gap["partition"], gap["start"]) == (DSP_EVENTS, 1, end)
    first = end - gap["missing"]
    assert f"{DSP_EVENTS}[1] offsets {first} to {end - 1}" in ended.err


def test_what_is_in_the_way_is_told(fresh_topics: str, tmp_path: Path) -> None:
    """A folder of something else; topics that were made anew."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("years of work")
    ended = export(fresh_topics, str(tmp_path / "mine"))
    assert ended.code == 2
    assert "so it is no export: name a new folder" in ended.err
    folder = str(tmp_path / "export")
    exported(fresh_topics, folder, "--only", "dead-letters")
    create_anew(fresh_topics)
    anew = export(fresh_topics, folder, "--only", "dead-letters")
    assert anew.code == 2
    assert "was created anew since the last export" in anew.err
    nobody = export(fresh_topics, folder, "--owner", "nobody")
    assert nobody.code == 2
    assert "--owner: Not a valid User ID" in nobody.err
