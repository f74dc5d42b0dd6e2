"""The processor as a real process on a real broker, against the plan."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import DSP_EVENTS
from sources.planning.plan import Plan, build_plan
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import differences, publish
from tests.support.processes import worker
from tests.support.topics import dead_letters, table, wait_until_read

PARTITIONS = 4


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Every kind of journey."""
    return build_plan(seed=7, requests=5, devices=1_000)


def test_the_table_is_what_the_plan_says(fresh_topics: str, plan: Plan, tmp_path: Path) -> None:
    """Read = folded + dead-lettered, every item as its author wrote, every bad record with its
    reason."""
    schedule = publish(plan, fresh_topics, PARTITIONS)
    with worker(fresh_topics, tmp_path):
        found = wait_until_read(fresh_topics, len(plan.publications))
    assert differences(found.items(), plan, schedule) == {}
    assert found.counts["read"] == len(plan.publications)
    assert found.counts["dead_lettered"] == len(plan.malformed)
    assert found.counts["folded"] == len(plan.publications) - len(plan.malformed)
    told = {
        letter["ce_id"].decode(): letter["dl_reason"].decode()
        for letter in dead_letters(fresh_topics)
    }
    assert told == plan.malformed


def test_killed_in_the_middle_it_goes_on_to_the_same_rows(
    fresh_topics: str, plan: Plan, tmp_path: Path
) -> None:
    """kill -9 and a second process: nothing lost, nothing doubled, also with the disk gone."""
    schedule = publish(plan, fresh_topics, PARTITIONS)
    for _ in range(2):
        with worker(fresh_topics, tmp_path, FDT_MAX_BATCH_RECORDS="100") as process:
            before = table(fresh_topics).counts.get("read", 0)
            while table(fresh_topics).counts.get("read", 0) < before + 500:
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert table(fresh_topics).counts["read"] < len(plan.publications)
    other_disk = tmp_path / "other"
    other_disk.mkdir()
    with worker(fresh_topics, other_disk):
        found = wait_until_read(fresh_topics, len(plan.publications))
    assert found.counts["read"] == len(plan.publications)
    assert differences(found.items(), plan, schedule) == {}
    told = Counter(letter["ce_id"].decode() for letter in dead_letters(fresh_topics))
    assert told == Counter(plan.malformed.keys())


def test_a_source_that_ends_with_a_transaction_marker_does_not_hold_the_time_back(
    fresh_topics: str, tmp_path: Path
) -> None:
    """A publisher with transactions leaves an offset behind that nobody ever reads."""
    publisher = Producer({"bootstrap.servers": fresh_topics, "transactional.id": "a-source"})
    publisher.init_transactions(30)
    publisher.begin_transaction()
    value = Codec().encode("DspEvent", dsp_event())
    home = partition_of(DEVICE, PARTITIONS)
    publisher.produce(DSP_EVENTS, value, DEVICE.encode(), home)
    publisher.commit_transaction(30)
    with worker(fresh_topics, tmp_path, FDT_IDLE_CONTROL_INTERVAL="1"):
        wait_until_read(fresh_topics, 1)
        before = table(fresh_topics).controls[home]["last_received"]["dsp"]
        deadline = time.monotonic() + 60
        while (table(fresh_topics).controls[home]["partition_time"] or 0) <= before + 1_000:
            assert time.monotonic() < deadline, "the partition's time stands still"
            time.sleep(0.5)
