"""For which partitions the transport may fetch: what is on its way to the worker decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from faust.types import TP

from processor.batch import Batch
from processor.worker import CONCURRENCY

RESERVED: Final = 1
"""Turns that full batches do not take: a partition without backlog waits for none that has one."""


class Waiting:
    """Batches handed over and not processed yet: at most one for each partition number, and no more
    than the worker has turns.

    What comes for a number meanwhile stays with the client, and is the next batch: so batches are
    small while events trickle, and large while a worker lags or the broker is slow. Faust's own
    tracking does not tell: its streams count a message when an agent takes it up, without a word to
    the consumer.

    A batch of ``full`` records shows a backlog.
    """

    def __init__(self, full: int) -> None:
        self._full = full
        self._batches: list[Batch] = []
        self._behind: set[int] = set()
        self._changed = asyncio.Event()

    def __bool__(self) -> bool:
        """Whether any batch is on its way."""
        return bool(self._batches)

    def add(self, batch: Batch) -> None:
        """It is on its way to the worker."""
        self._batches.append(batch)
        (self._behind.add if len(batch) >= self._full else self._behind.discard)(batch.partition)

    def remove(self, batch: Batch) -> None:
        """It was processed; one that was forgotten meanwhile does not count."""
        self._batches = [each for each in self._batches if each is not batch]
        self._changed.set()

    def forget(self) -> None:
        """After a rebalance: what is still on its way is dropped by whoever meets it."""
        self._batches = []
        self._changed.set()

    async def free(self, partitions: Callable[[], set[TP]], timeout: float) -> set[TP]:
        """Those of ``partitions`` for which a batch may be fetched; none if there are none within
        so many seconds."""
        deadline = time.monotonic() + timeout
        while True:
            self._changed.clear()
            if found := {tp for tp in partitions() if self._has_turn(tp.partition)}:
                return found
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
            except TimeoutError:
                return set()

    def _has_turn(self, number: int) -> bool:
        """Whether a batch of a partition number may be fetched now."""
        if len(self._batches) >= CONCURRENCY:
            return False
        if any(batch.partition == number for batch in self._batches):
            return False
        full = sum(len(batch) >= self._full for batch in self._batches)
        return full < CONCURRENCY - RESERVED or number not in self._behind
