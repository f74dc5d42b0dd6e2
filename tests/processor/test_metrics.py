"""What a worker tells Prometheus of its partitions, from what they hold."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from processor.meter import FATAL, Meter
from processor.metrics import WorkerCollector, register_worker
from processor.partition.partition import Partition
from processor.worker import Worker
from runtime.broker_clock import BrokerClock
from runtime.metrics.definition import new_registry
from schemas.topics import CSP_EVENTS, DSP_EVENTS
from tests.processor.bench import DEVICES, NOW, PARTITIONS, STRANGER, Bench, accepted
from tests.simulation.broker import SimulatedTopics


@pytest.fixture
def bench() -> Bench:
    """A broker and a disk."""
    return Bench()


@pytest.fixture
def worker(bench: Bench) -> Iterator[Worker]:
    """A worker that owns partition 0."""

    def make(_: int) -> Partition:
        return bench.start()

    found = Worker(make, SimulatedTopics(bench.broker), fail, partitions=PARTITIONS)
    asyncio.run(found.assigned({0}))
    yield found
    found.close()


def fail(error: BaseException) -> None:
    """No worker fails here."""
    raise error


def told(worker: Worker, now: int = 0) -> dict[tuple[str, ...], float]:
    """(name, values of the labels) -> value."""
    clock = BrokerClock(lambda: 0.0)
    if now:
        clock.hear(now)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in WorkerCollector(worker, clock).collect()
        for sample in family.samples
    }


def test_lag_is_what_is_left_of_a_topic_and_how_long_ago_the_last_came(
    bench: Bench, worker: Worker
) -> None:
    """In records and in seconds; nothing left is no lag, whatever the time."""
    batch = bench.put(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1))
    asyncio.run(worker.process(replace(batch, assignment=worker.assignment)))
    worker.ends = {(DSP_EVENTS, 0): 5, (CSP_EVENTS, 0): 0, (DSP_EVENTS, 1): 9}
    received = batch.frames[0].records[-1].timestamp
    found = told(worker, received + 90_000)
    assert found["fdt_source_lag_records", DSP_EVENTS, "0"] == 3
    assert found["fdt_source_lag_seconds", DSP_EVENTS, "0"] == 90
    assert found["fdt_source_lag_records", CSP_EVENTS, "0"] == 0
    assert found["fdt_source_lag_seconds", CSP_EVENTS, "0"] == 0
    assert ("fdt_source_lag_records", DSP_EVENTS, "1") not in found
    assert found["fdt_rows", "0"] == 2


def test_a_lag_of_which_nothing_is_known_is_no_number(worker: Worker) -> None:
    """Nothing was read of the topic yet."""
    worker.ends = {(DSP_EVENTS, 0): 5}
    found = told(worker)
    assert found["fdt_source_lag_records", DSP_EVENTS, "0"] == 5
    assert math.isnan(found["fdt_source_lag_seconds", DSP_EVENTS, "0"])
    assert math.isnan(found["fdt_partition_timestamp_seconds", "0"])


def test_every_outcome_is_told_from_the_first_scrape_on(worker: Worker) -> None:
    """A series that begins with what it should warn of warns of nothing."""
    found = told(worker)
    outcomes = {key[2]: value for key, value in found.items() if key[0].startswith("fdt_source_r")}
    assert outcomes == dict.fromkeys(
        ("read", "folded", "dead_lettered", "quarantined", "deleted_unread"), 0
    )
    assert found["fdt_owned_partitions",] == 1
    assert found["fdt_rebalances_total",] == 1


def test_a_worker_without_partitions_tells_of_none(worker: Worker) -> None:
    """Another one has them now."""
    worker.ends = {(DSP_EVENTS, 0): 5}
    asyncio.run(worker.revoked())
    found = told(worker)
    assert found["fdt_owned_partitions",] == 0
    assert not [key for key in found if key[0].startswith("fdt_source")]


def test_dead_letters_are_counted_by_reason_once_they_are_durable(bench: Bench) -> None:
    """Reasons that are a defect of ours are there from the beginning."""
    registry = new_registry()
    meter = Meter(registry)
    partition = bench.start(meter)
    partition.process(bench.put(accepted(DEVICES[0], 0), accepted(STRANGER, 1)))
    assert _value(registry, "fdt_dead_letters_total", reason="wrong-partition") == 1
    assert [_value(registry, "fdt_dead_letters_total", reason=each) for each in FATAL] == [0, 0]
    assert _value(registry, "fdt_batch_records_sum") == 2
    assert _value(registry, "fdt_fold_seconds_count") == 1
    assert _value(registry, "fdt_transaction_seconds_count") >= 1
    assert _value(registry, "fdt_resumption_seconds_count") == 1
    assert _value(registry, "fdt_resumption_remaining_offsets", partition="0") == 0


def test_what_the_sweep_forgets_is_counted(bench: Bench) -> None:
    """Rows, and when it last looked."""
    registry = new_registry()
    partition = bench.start(Meter(registry))
    assert _value(registry, "fdt_last_sweep_timestamp_seconds") == 0
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    partition.ledger = replace(partition.ledger, partition_time=NOW + 2 * bench.retention_ms)
    partition.sweep()
    assert _value(registry, "fdt_forgotten_rows_total") == 1
    assert _value(registry, "fdt_last_sweep_timestamp_seconds") > 0


def test_stores_tell_how_they_fare(worker: Worker) -> None:
    """By partition; a store in memory has nothing to tell."""
    registry = new_registry()
    register_worker(registry, worker, BrokerClock())
    names = {family.name for family in registry.collect()}
    assert {"fdt_store_files_bytes", "fdt_store_cache_bytes", "fdt_owned_partitions"} <= names


def _value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, name
    return found
