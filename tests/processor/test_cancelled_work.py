"""Work in a thread whose asker is cancelled, as when a worker is told to end: its end is heard."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable

import pytest

from processor.partition.status_log import Fenced, LogUnavailable
from processor.worker import Worker
from tests.processor.bench import PARTITIONS, Bench
from tests.simulation.broker import SimulatedTopics


class Asked(SimulatedTopics):
    """Topics over which a question is held until it is let go, and then fails."""

    error: Exception | None = None

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.broker)
        self.begun, self.answered = threading.Event(), threading.Event()

    def ids(self) -> dict[str, str]:
        """The topics' own, once there is no error to come."""
        if self.error is not None:
            self.begun.set()
            assert self.answered.wait(10)
            raise self.error
        return super().ids()


def end_of(
    error: Exception, on_failure: Callable[[BaseException], None]
) -> tuple[Worker, list[str]]:
    """A worker that was cancelled before its question failed so, and what asyncio complained of."""
    bench, complaints = Bench(), list[str]()
    topics = Asked(bench)
    worker = Worker(lambda _: bench.start(), topics, on_failure, partitions=PARTITIONS)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: complaints.append(told["message"]))
        await worker.assigned({0})
        topics.error = error
        asked = asyncio.create_task(worker.keep_alive(3600.0, lambda _: {}))
        await loop.run_in_executor(None, topics.begun.wait, 10)
        asked.cancel()
        loop.call_later(0.05, topics.answered.set)
        with pytest.raises(asyncio.CancelledError):
            await asked
        del asked
        gc.collect()

    asyncio.run(story())
    worker.close()
    return worker, complaints


def fail(error: BaseException) -> None:
    """No failure is expected here."""
    raise error


def test_a_broker_that_is_away_at_the_end_is_told_in_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is no failure, and nothing that nobody retrieved."""
    with caplog.at_level(logging.WARNING):
        worker, complaints = end_of(LogUnavailable("no broker answers"), fail)
    assert complaints == []
    assert worker.failure is None
    assert caplog.messages == ["left undone at the end: no broker answers"]


def test_a_failure_at_the_end_is_a_failure() -> None:
    """Another owner's fence, or a defect, fails the worker though it was ending."""
    failed = list[BaseException]()
    error = Fenced("status partition 0 has another owner")
    worker, complaints = end_of(error, failed.append)
    assert complaints == []
    assert worker.failure is error
    assert failed == [error]
