"""A worker over topics that differ in their partitions: it waits, and loses nothing by it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from processor.partition.source_topics import TopicsDiffer
from processor.worker import Worker
from schemas.topics import DSP_EVENTS
from tests.processor.bench import DEVICES, PARTITIONS, STRANGER, Bench, accepted
from tests.simulation.broker import SimulatedTopics

WHY = "firmware.dsp.v1: partitions is 6, should be 4"


def test_a_record_of_another_count_is_not_refused_while_the_topics_differ() -> None:
    """Nothing of its batch counts; when the topics agree again the same batch is folded, and what
    is in the wrong partition then is refused."""
    bench = Bench()
    partition = bench.start()
    batch = bench.put(accepted(DEVICES[0], 0), accepted(STRANGER, 1), accepted(DEVICES[1], 2))
    bench.broker.unfit = WHY
    before = partition.ledger
    with pytest.raises(TopicsDiffer, match="should be 4"):
        partition.process(batch)
    assert partition.ledger == before
    assert bench.rows() == bench.logged_rows() == {}
    bench.broker.unfit = None
    partition.process(batch)
    assert set(bench.rows()) == {b"d" + device.encode() for device in DEVICES[:2]}
    assert partition.ledger.next_offset(DSP_EVENTS) == 3
    assert partition.ledger.counts["read"] == 3
    assert partition.ledger.counts["dead_lettered"] == 1


def test_a_worker_takes_nothing_while_the_topics_are_unfit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It owns its partitions and folds no batch; the watchdog sees that it waits for somebody else,
    and a record found out of place meanwhile is met by a look, not by a dead letter."""
    bench = Bench()
    told: list[str | None] = [WHY]
    steps: list[int] = []

    async def sleep(_seconds: float) -> None:
        steps.append(worker.progress())
        if len(steps) == 3:
            told[0] = None
        if len(steps) == 5:
            bench.broker.unfit = None

    worker = Worker(
        lambda number: bench.start(),
        SimulatedTopics(bench.broker),
        lambda error: None,
        partitions=PARTITIONS,
        unfit=lambda: told[0],
        sleep=sleep,
    )

    async def story() -> None:
        await worker.assigned({0})
        assert steps == []
        bench.broker.unfit = WHY
        batch = bench.put(accepted(DEVICES[0], 0), accepted(STRANGER, 1))
        with caplog.at_level(logging.WARNING):
            await worker.process(replace(batch, assignment=worker.assignment))

    asyncio.run(story())
    assert steps == sorted(set(steps))
    assert len(steps) == 5
    assert caplog.text.count(f"partition 0 waits: {WHY}") == 2
    assert worker.failure is None
    assert worker.owned()[0].ledger.counts["read"] == 2
    worker.close()
