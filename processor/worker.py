"""The worker: owns the partitions that Faust assigns to it, and lets nothing pass an error.

All folding and all waiting for the broker happen in threads beside the event loop, so that
heartbeats go on whatever the disk or the broker do. A partition has one batch in hand at a time;
others go on meanwhile, so that one folds while another waits for its transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from faust.types import TP

from processor.batch import Batch
from processor.partition import Partition
from schemas.registry import RegistryUnavailable

logger = logging.getLogger(__name__)

CONCURRENCY: Final = 4
"""Partitions in hand at once: one folds while others wait for their transactions."""

REGISTRY_RETRY_S: Final = 2.0
"""Pause before a batch is tried again while the schema registry does not answer."""


class Worker:
    """The partitions of one process."""

    def __init__(
        self,
        make_partition: Callable[[int], Partition],
        on_failure: Callable[[BaseException], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_partition = make_partition
        self._on_failure = on_failure
        self._clock = clock
        self._partitions: dict[int, Partition] = {}
        self._owned: set[int] = set()
        self._written: dict[int, float] = {}
        self._threads = ThreadPoolExecutor(max_workers=CONCURRENCY, thread_name_prefix="fold")
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.failure: BaseException | None = None

    async def assigned(self, partitions: set[int]) -> None:
        """Own exactly ``partitions``: close the others, bring these up to the log's end."""
        async with self._all_turns():
            await self._guarded(lambda: self._own(partitions))

    async def revoked(self) -> None:
        """Wait for the batches in hand; own nothing until the next assignment."""
        async with self._all_turns():
            self._owned = set()

    def positions(self) -> Mapping[TP, int]:
        """Next offset of every source partition owned."""
        return {
            TP(topic, number): position.next_offset
            for number in self._owned
            for topic, position in self._partitions[number].ledger.positions.items()
        }

    async def process(self, batch: Batch) -> None:
        """Fold one batch; a batch for a partition that is no longer owned is dropped unread."""
        async with self._turns[batch.partition]:
            while batch.partition in self._owned:
                try:
                    await self._guarded(lambda: self._partitions[batch.partition].process(batch))
                except RegistryUnavailable as error:
                    logger.warning("waiting for the schema registry: %s", error)
                    await asyncio.sleep(REGISTRY_RETRY_S)
                else:
                    self._written[batch.partition] = self._clock()
                    return

    async def keep_alive(self, interval_s: float, ends: Callable[[int], dict[str, int]]) -> None:
        """Write a control record for every partition that wrote nothing for ``interval_s``."""
        for number in sorted(self._owned):
            async with self._turns[number]:
                silent = self._clock() - self._written.get(number, 0.0)
                if number in self._owned and silent >= interval_s:
                    work = partial(self._partitions[number].keep_alive, ends(number))
                    await self._guarded(work)
                    self._written[number] = self._clock()

    def close(self) -> None:
        """Give every partition up in order."""
        self._threads.shutdown(wait=True)
        for partition in self._partitions.values():
            partition.close()
        self._partitions = {}

    def _own(self, partitions: set[int]) -> None:
        for number in set(self._partitions) - partitions:
            self._partitions.pop(number).close()
        for number in sorted(partitions):
            if number not in self._partitions:
                self._partitions[number] = self._make_partition(number)
            self._partitions[number].resume()
        self._owned = set(partitions)

    @asynccontextmanager
    async def _all_turns(self) -> AsyncIterator[None]:
        """No partition has a batch in hand."""
        async with AsyncExitStack() as turns:
            for number in sorted(self._turns):
                await turns.enter_async_context(self._turns[number])
            yield

    async def _guarded(self, work: Callable[[], None]) -> None:
        """Run in the thread. Any failure but a silent registry ends the worker, its batch
        uncommitted."""
        if self.failure is not None:
            raise RuntimeError("the worker has failed and processes nothing more") from self.failure
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RegistryUnavailable:
            raise
        except BaseException as error:
            self.failure = error
            self._on_failure(error)
            raise
