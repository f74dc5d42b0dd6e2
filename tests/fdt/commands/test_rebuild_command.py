"""``fdt rebuild`` on a real broker: a spoiled table is found, mended, and gone on from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.partitioning import partition_of
from schemas.topics import DSP_EVENTS, STATUS
from sources.planning.plan import Plan, build_plan
from tests.support.plans import differences, publish
from tests.support.processes import running
from tests.support.rows import status_value
from tests.support.topics import Table, table, wait_until_read

PARTITIONS = 4
SESSION_S = 6
STRANGER = "00-DB-12-34-56-78-90-FF"


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Every kind of journey."""
    return build_plan(seed=7, requests=5, devices=300)


def environment(bootstrap: str, folder: Path) -> dict[str, str]:
    """The settings of worker and rebuild."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "FDT_DATA_DIR": str(folder),
        "FDT_SESSION_TIMEOUT": f"PT{SESSION_S}S",
    }


@contextmanager
def worker(bootstrap: str, folder: Path) -> Iterator[None]:
    """One worker with its data in ``folder``."""
    with running("process", log=folder / "processor.log", **environment(bootstrap, folder)):
        yield


def rebuild(
    bootstrap: str, folder: Path, *arguments: str, **others: str
) -> subprocess.CompletedProcess[str]:
    """``fdt rebuild`` as a command."""
    return subprocess.run(
        [sys.executable, "-m", "fdt", "rebuild", *arguments],
        env={**os.environ, **environment(bootstrap, folder), **others},
        capture_output=True,
        text=True,
        timeout=120,
    )


def spoil(bootstrap: str, found: Table) -> None:
    """One row is another's, one is gone, one is of a device that never was."""
    by_number: dict[int, list[str]] = {n: [] for n in range(PARTITIONS)}
    for device in sorted(found.rows):
        by_number[partition_of(device, PARTITIONS)].append(device)
    wrong, gone = by_number[1][0], by_number[2][0]
    home = partition_of(STRANGER, PARTITIONS)
    assert STRANGER not in found.rows
    producer = Producer({"bootstrap.servers": bootstrap})
    for device, number, state in (
        (wrong, 1, found.rows[by_number[1][1]]),
        (gone, 2, None),
        (STRANGER, home, found.rows[by_number[home][2]]),
    ):
        value = None if state is None else status_value(device, state)
        producer.produce(STATUS, value, device.encode(), number)
    assert producer.flush(30) == 0


def test_a_spoiled_table_is_told_of_and_mended(
    fresh_topics: str, plan: Plan, tmp_path: Path
) -> None:
    """Beside a worker it is only looked at; then it is mended, and the worker's disk agrees."""
    schedule = publish(plan, fresh_topics, PARTITIONS)
    with worker(fresh_topics, tmp_path):
        right = wait_until_read(fresh_topics, len(plan.publications))
        looked = rebuild(fresh_topics, tmp_path, "--check")
        assert looked.returncode == 0, looked.stderr
        assert "The table is what the events say." in looked.stdout
        refused = rebuild(fresh_topics, tmp_path)
        assert refused.returncode == 2
        assert "Workers run (" in refused.stderr
        assert "stop them first, or only look with --check" in refused.stderr
    spoil(fresh_topics, right)
    spoiled = table(fresh_topics)

    told = rebuild(fresh_topics, tmp_path, "--check")
    assert told.returncode == 1, told.stderr
    assert "3 rows are not what the events say" in told.stderr
    assert table(fresh_topics) == spoiled

    mended = rebuild(fresh_topics, tmp_path)
    assert mended.returncode == 0, mended.stderr
    assert f"3 rows were put right in {STATUS}." in mended.stdout
    after = table(fresh_topics)
    assert after.rows == right.rows
    assert differences(after.items(), plan, schedule) == {}
    assert after.counts == right.counts
    assert not (tmp_path / "rebuild").exists()

    with worker(fresh_topics, tmp_path):
        publish(plan, fresh_topics, PARTITIONS)  # copies: nothing of it changes an answer
        again = wait_until_read(fresh_topics, 2 * len(plan.publications))
    assert differences(again.items(), plan, schedule) == {}
    assert "set aside" not in (tmp_path / "processor.log").read_text()
    once_more = rebuild(fresh_topics, tmp_path, "--check")
    assert once_more.returncode == 0, once_more.stderr


def test_what_a_killed_run_left_is_removed_and_one_partition_may_be_asked_for(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Of an empty table and an empty topic."""
    left = tmp_path / "rebuild" / "made" / "partition-2"
    left.mkdir(parents=True)
    (left / "CURRENT").write_text("left over")
    done = rebuild(fresh_topics, tmp_path, "--partition", "2")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "rebuild").exists()
    unknown = rebuild(fresh_topics, tmp_path, "--partition", "4")
    assert unknown.returncode == 2
    assert "There is no partition 4: they are 0 to 3." in unknown.stderr


def test_events_that_were_deleted_are_missed(fresh_topics: str, plan: Plan, tmp_path: Path) -> None:
    """Also of a topic that is empty now: nothing is written."""
    publish(plan, fresh_topics, PARTITIONS)
    with worker(fresh_topics, tmp_path):
        wait_until_read(fresh_topics, len(plan.publications))
    admin = AdminClient({"bootstrap.servers": fresh_topics})
    asked = [TopicPartition(DSP_EVENTS, 1, -1)]
    for future in admin.delete_records(asked).values():
        future.result()
    before = table(fresh_topics)
    refused = rebuild(fresh_topics, tmp_path, "--partition", "1")
    assert refused.returncode == 2
    assert f"{DSP_EVENTS}[1] begins at offset" in refused.stderr
    assert "Nothing of this partition was written" in refused.stderr
    assert table(fresh_topics) == before


def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    """And how to mend it."""
    ended = rebuild("127.0.0.1:1", tmp_path)
    assert ended.returncode == 2
    assert "start the broker, or correct KAFKA_BOOTSTRAP_SERVERS" in ended.stderr
