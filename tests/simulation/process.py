"""One simulated process: the real worker on a simulated disk, fed as the transport feeds it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from functools import cache
from typing import Any

from processor.batch import Batch, Chain, Place
from processor.partition.partition import Partition
from processor.worker import Worker
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.retention import RETENTION_MS
from schemas.topics import DAY_MS, SOURCE_TOPICS
from tests.simulation.broker import Broker, Reach, Record, SimulatedLog, SimulatedTopics
from tests.simulation.disk import Disk, NothingNoted, SimulatedStores
from tests.simulation.events import CODEC, PARTITIONS


class Crash(BaseException):
    """The process is no more: SIGKILL, or the power went."""


class Inline(Executor):
    """Runs work where it is asked for, so that a seed always gives the same run; a process that
    crashed does nothing more."""

    def __init__(self) -> None:
        self._crashed = False

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """At once."""
        future: Future[Any] = Future()
        try:
            if self._crashed:
                raise Crash
            future.set_result(work(*args, **kwargs))
        except BaseException as error:
            self._crashed |= isinstance(error, Crash)
            future.set_exception(error)
        return future


@cache
def reader(retention_ms: int) -> Reader:
    """The rules that every simulated worker uses."""
    return Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS, retention_ms)


class Process:
    """A worker's process; :meth:`start` after each death."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        reach: Callable[[Process, str], None],
        retention_ms: int = RETENTION_MS,
    ) -> None:
        self.name = name
        self._retention_ms = retention_ms
        self.disk = Disk()
        self.stopped = False
        """Whether it got SIGSTOP: it does nothing, and does not know it."""
        self._broker = broker
        self._reach = reach
        self._worker: Worker | None = None
        self._chain = Chain()
        self._fetched: dict[Place, int] = {}
        self._last: Batch | None = None

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._worker is not None

    @property
    def owned(self) -> list[int]:
        """The partition numbers that it believes to own."""
        return sorted({number for _, number in self._fetched})

    def start(self) -> None:
        """A new process on the same disk."""
        reach: Reach = lambda point: self._reach(self, point)  # noqa: E731
        stores = SimulatedStores(self.disk, reach)
        topics = SimulatedTopics(self._broker)

        def make(number: int) -> Partition:
            return Partition(
                number,
                PARTITIONS,
                stores=stores,
                log=SimulatedLog(self._broker, number, reach),
                reader=reader(self._retention_ms),
                retention_ms=self._retention_ms,
                codec=CODEC,
                topics=topics,
                worker=self.name,
                in_flight=NothingNoted(),
            )

        self._worker = Worker(
            make,
            topics,
            lambda error: None,
            partitions=PARTITIONS,
            clock=lambda: self._broker.now / 1000,
            sleep=self._sleep,
            threads=Inline(),
        )
        self._fetched, self._last, self.stopped = {}, None, False

    def revoked(self) -> bool:
        """The group takes everything away."""
        self._fetched = {}
        return self._run(lambda worker: worker.revoked())

    def assigned(self, numbers: set[int]) -> bool:
        """The group gives these; the transport seeks to where the ledgers stand."""
        if not self._run(lambda worker: worker.assigned(numbers)):
            return False
        assert self._worker is not None
        positions = {(tp.topic, tp.partition): at for tp, at in self._worker.positions().items()}
        self._chain.begin(positions)
        self._fetched = positions
        return True

    def deliver(self, number: int, most: int, topics: list[str]) -> bool:
        """What one fetch of some topics brings of one partition number."""
        assert self._worker is not None
        found = {}
        for topic in topics:
            records = self._fetch((topic, number), most)
            if records:
                found[topic, number] = records
                self._fetched[topic, number] = records[-1].offset + 1
        ends = {t: self._end((t, number)) for t in SOURCE_TOPICS.values()}
        for _, frames in self._chain.batches(found):
            self._last = Batch(number, frames, ends, self._worker.assignment)
            done = self._process(self._last)
            # Faust acknowledges a batch whether it was processed or failed.
            self._broker.group.update(self._fetched)
            return done
        return True

    def deliver_again(self) -> bool:
        """The last batch a second time."""
        return self._last is None or self._process(self._last)

    def keep_alive(self) -> bool:
        """The timer of control records."""
        return self._run(
            lambda w: w.keep_alive(
                1.0, lambda n: {t: self._end((t, n)) for t in SOURCE_TOPICS.values()}
            )
        )

    def sweep(self) -> bool:
        """The timer that forgets what is due."""
        return self._run(lambda worker: worker.sweep())

    def is_at_end(self, number: int) -> bool:
        """Whether the ledger covers every record of a partition number."""
        assert self._worker is not None
        return all(
            at == self._end((tp.topic, number))
            for tp, at in self._worker.positions().items()
            if tp.partition == number
        )

    def die(self) -> None:
        """At once, as by SIGKILL."""
        self._worker, self._fetched = None, {}

    def _process(self, batch: Batch) -> bool:
        return self._run(lambda worker: worker.process(batch))

    def _fetch(self, place: Place, most: int) -> list[Record]:
        """From the fetch position; where there is nothing any more, from the first record."""
        log, position = self._broker.sources[place], self._fetched[place]
        if position > self._end(place):
            position = 0
        return [record for record in log if record.offset >= position][:most]

    def _end(self, place: Place) -> int:
        log = self._broker.sources[place]
        return log[-1].offset + 1 if log else 0

    async def _sleep(self, seconds: float) -> None:
        self._broker.now += int(seconds * 1000)

    def _run(self, act: Callable[[Worker], Coroutine[Any, Any, None]]) -> bool:
        """Whether the process lived through it."""
        worker = self._worker
        if worker is None:
            return False
        try:
            _run(act(worker))
        except Crash:
            self.die()
            return False
        except Exception:
            if worker.failure is None:
                raise
            if isinstance(worker.failure, Crash):
                self.die()
                return False
            # As processor.app does: the worker is closed in order, and the process ends.
            worker.close()
            self.die()
            return False
        return True


def _run(work: Coroutine[Any, Any, None]) -> None:
    """To its end; in a thread of its own where another process is in the middle of something."""
    if asyncio._get_running_loop() is None:
        asyncio.run(work)
        return
    ended: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if ended:
        raise ended[0]
