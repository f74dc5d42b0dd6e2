"""The worker: owns the partitions that Faust assigns, waits out outages, and ends on other errors.

Folding and waiting for the broker happen in threads beside the event loop, so that heartbeats do
not depend on the disk or the broker. A partition processes one batch at a time; meanwhile others
continue, so that one folds while another waits for its transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from faust.types import TP

from processor.batch import Batch, Place
from processor.partition.partition import Partition
from processor.partition.source_topics import Topics, TopicsDiffer
from processor.partition.status_log import LogUnavailable
from runtime.logs.fields import about
from runtime.threads import Explained
from schemas.registry import RegistryUnavailable

logger = logging.getLogger(__name__)

CONCURRENCY: Final = 4
"""Partitions processed at once: one folds while others wait for their transactions."""

OUTAGES: Final = (RegistryUnavailable, LogUnavailable)
"""Exceptions that are waited out; any other ends the worker."""

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 15.0


class TopicsChanged(Explained):
    """A topic was deleted and created again while it was read: the worker has to start again."""


class Worker:
    """The partitions of one process.

    ``unfit`` gives the reason if nothing may be folded now; ``threads`` run the folds; ``clock``
    and ``sleep`` are in seconds. ``on_failure`` gets the exception that ends the worker.
    """

    def __init__(
        self,
        make_partition: Callable[[int], Partition],
        topics: Topics,
        on_failure: Callable[[BaseException], None],
        *,
        partitions: int,
        unfit: Callable[[], str | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        threads: Executor | None = None,
    ) -> None:
        self._make_partition = make_partition
        self._topics = topics
        self._topic_ids: dict[str, str] = {}
        self._on_failure = on_failure
        self._unfit = unfit
        self.partitions = partitions
        self._clock = clock
        self._sleep = sleep
        self._steps = 0
        self._partitions: dict[int, Partition] = {}
        self._owned: set[int] = set()
        self._written: dict[int, float] = {}
        self._threads = threads or ThreadPoolExecutor(CONCURRENCY + 1, thread_name_prefix="fold")
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.failure: BaseException | None = None
        self.assignment = 0
        """Number of the present assignment."""
        self.waits = 0
        """How often work was repeated because the broker or the registry did not answer."""
        self.ends: Mapping[Place, int] = {}
        """End offsets of the source partitions owned, as of the last fetches."""
        self.settled = False
        """Whether the partitions are assigned and resumed."""

    async def assigned(self, partitions: set[int]) -> None:
        """Own exactly ``partitions``: close the others, and resume these."""
        async with self._all_turns():
            await self._guarded(lambda: self._own(partitions))
        self.settled = True

    async def revoked(self) -> None:
        """Wait for the batches in flight; own nothing until the next assignment."""
        self.settled = False
        async with self._all_turns():
            self._owned = set()

    def positions(self) -> Mapping[TP, int]:
        """Next offset of every source partition owned."""
        return {
            TP(topic, number): position.next_offset
            for number in self._owned
            for topic, position in self._partitions[number].ledger.positions.items()
        }

    def owned(self) -> Mapping[int, Partition]:
        """The partitions owned, by number. Any thread may ask."""
        held = self._partitions
        return {n: one for n in sorted(self._owned) if (one := held.get(n)) is not None}

    def progress(self) -> int:
        """A number that changes with every step of work and every repeated wait."""
        return self._steps

    def step(self) -> None:
        """Note a step of work."""
        self._steps += 1

    async def process(self, batch: Batch) -> None:
        """Process a batch, once the topics are fit. One of a former assignment is dropped: it is
        fetched again."""
        while not await self._processed(batch):
            await self._sleep(_FIRST_PAUSE_S)

    async def _processed(self, batch: Batch) -> bool:
        """Whether the batch was processed or dropped. The partition's turn is released while the
        topics are unfit, because a rebalance waits for it."""
        await self._until_fit()
        async with self._turns[batch.partition]:
            if batch.assignment == self.assignment and batch.partition in self._owned:
                try:
                    await self._guarded(lambda: self._partitions[batch.partition].process(batch))
                except TopicsDiffer as error:
                    self.step()
                    told = about(partition=batch.partition)
                    logger.warning("partition %d waits: %s", batch.partition, error, extra=told)
                    return False
                self._written[batch.partition] = self._clock()
        return True

    async def _until_fit(self) -> None:
        """Wait while the topics are unfit; their watch logs the reason."""
        while self._unfit() is not None:
            self.step()
            await self._sleep(_FIRST_PAUSE_S)

    async def keep_alive(self, interval_s: float, ends: Callable[[int], dict[str, int]]) -> None:
        """Write a control record for every partition that wrote nothing for ``interval_s``.

        Ends the worker if a topic was created again.
        """
        if self._owned:
            await self._guarded(self._check_topics)
        for number in sorted(self._owned):
            async with self._turns[number]:
                silent = self._clock() - self._written.get(number, 0.0)
                if number in self._owned and silent >= interval_s:
                    work = partial(self._partitions[number].keep_alive, ends(number))
                    await self._guarded(work)
                    self._written[number] = self._clock()

    async def sweep(self) -> None:
        """Forget what is due, a few rows of a partition at a time, so that batches are processed in
        between."""
        for number in sorted(self._owned):
            more = True
            while more:
                async with self._turns[number]:
                    if number not in self._owned:
                        break
                    more = await self._guarded(self._partitions[number].sweep)

    def close(self) -> None:
        """Close all partitions."""
        self._threads.shutdown(wait=True)
        for partition in self._partitions.values():
            partition.close()
        self._partitions = {}

    def _own(self, partitions: set[int]) -> None:
        for number in set(self._partitions) - partitions:
            self._partitions.pop(number).close()
        # Before the positions: the next check then finds a topic that is created again meanwhile.
        self._topic_ids = self._topics.ids()
        for number in sorted(partitions - set(self._partitions)):
            self._partitions[number] = self._make_partition(number)
        # Resuming is mostly waiting for the broker, so partitions do it in parallel.
        resumed = [self._threads.submit(self._resume, number) for number in sorted(partitions)]
        wait(resumed)
        for each in resumed:
            each.result()
        self._owned = set(partitions)
        self.assignment += 1

    def _resume(self, number: int) -> None:
        self._partitions[number].resume()
        self.step()

    def _check_topics(self) -> None:
        ids = self._topics.ids()
        if ids != self._topic_ids:
            changed = [topic for topic in ids if ids[topic] != self._topic_ids[topic]]
            raise TopicsChanged(f"{', '.join(changed)} was deleted and created again")

    @asynccontextmanager
    async def _all_turns(self) -> AsyncIterator[None]:
        """Hold the turns of all partitions: none has a batch in flight."""
        async with AsyncExitStack() as turns:
            for number in sorted(self._turns):
                await turns.enter_async_context(self._turns[number])
            yield

    async def _guarded(self, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread, again during an outage. Any other failure ends the worker with
        its batch uncommitted."""
        if self.failure is not None:
            raise RuntimeError("the worker has failed and processes nothing more") from self.failure
        pauses = _pauses()
        while True:
            try:
                done = await self._in_thread(work)
            except (asyncio.CancelledError, TopicsDiffer):
                raise
            except OUTAGES as error:
                self.step()
                self.waits += 1
                pause = next(pauses)
                logger.warning("waiting %g s: %s", pause, error)
                await self._sleep(pause)
            except BaseException as error:
                self._fail(error)
                raise
            else:
                self.step()
                return done

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread. A thread cannot be cancelled: a cancelled caller still waits
        for its end, because the turn lasts until then, and nobody else hears how it ended."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._left)
            await asyncio.wait([future])
            raise

    def _left(self, future: asyncio.Future[Any]) -> None:
        """The end of work whose asker was cancelled: that somebody else was away is only told, for
        nothing waits for him any more."""
        error = None if future.cancelled() else future.exception()
        if isinstance(error, (*OUTAGES, TopicsDiffer)):
            logger.warning("left undone at the end: %s", error)
        elif error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The first failure ends the worker."""
        if self.failure is None:
            self.failure = error
            self._on_failure(error)


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_S)
