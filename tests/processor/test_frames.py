"""The transport hands over everything once, whatever a rebalance overtakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, cast

from aiokafka.consumer.subscription_state import SubscriptionState
from faust.types import TP

from processor.app import ProcessorApp
from processor.batch import Batch
from processor.frames import FramesConsumer, FramesThread
from processor.worker import Worker
from schemas.topics import DSP_EVENTS
from tests.simulation.broker import Record

PLACE: Final = TP(DSP_EVENTS, 0)


@dataclass
class Client:
    """The Kafka client's thread: it stands where it was sent, and moves on as it hands over."""

    records: list[Record]
    position: int = 0
    overtaken_by: Callable[[], Any] | None = None
    """What happens while its next fetch is on its way."""

    async def getmany(self, partitions: set[TP], timeout: float) -> dict[TP, list[Record]]:
        """Everything from the position on."""
        if self.overtaken_by is not None:
            meanwhile, self.overtaken_by = self.overtaken_by, None
            await meanwhile()
        found, self.position = self.records[self.position :], len(self.records)
        return {PLACE: found} if found else {}

    async def seek_wait(self, positions: Mapping[TP, int]) -> None:
        """Go there."""
        self.position = positions[PLACE]

    def assignment(self) -> set[TP]:
        """One partition."""
        return {PLACE}

    def _ensure_consumer(self) -> Any:
        """A client that does not know the ends yet."""
        return SimpleNamespace(_subscription=SubscriptionState())


@dataclass
class Owner:
    """A worker that has covered nothing."""

    assignment: int = 1
    covered: dict[TP, int] = field(default_factory=lambda: {PLACE: 0})

    def positions(self) -> Mapping[TP, int]:
        """Where its ledger stands."""
        return self.covered


class Bench:
    """A real consumer between the two."""

    def __init__(self) -> None:
        self.app = ProcessorApp(
            "test", broker="frames://127.0.0.1:1", loop=asyncio.get_running_loop()
        )
        self.owner = Owner()
        self.app.owner = cast(Worker, self.owner)
        self.consumer = cast(FramesConsumer, self.app.consumer)
        self.consumer.resume_partitions({PLACE})
        self.consumer._thread.thread_loop.close()
        self.client = Client([Record(b"key", b"value", offset) for offset in range(3)])
        self.consumer._thread = cast(FramesThread, self.client)

    async def assigned(self) -> None:
        """A rebalance: another assignment of the same partition, and the seek that goes with it."""
        self.owner.assignment += 1
        await self.consumer.perform_seek()

    async def offsets(self) -> list[int]:
        """Of the records that one call of the consumer brings."""
        return [
            record.offset
            async for _, message in self.consumer.getmany(1.0)
            for frame in cast(Batch, message.value).frames
            for record in frame.records
        ]


def test_a_fetch_that_a_rebalance_overtook_is_fetched_again() -> None:
    """The client passed its records after the seek of the rebalance: it is sent back to them."""

    async def scenario() -> None:
        bench = Bench()
        await bench.assigned()
        bench.client.overtaken_by = bench.assigned
        assert await bench.offsets() == []
        assert bench.client.position == 3
        assert await bench.offsets() == [0, 1, 2]
        assert await bench.offsets() == []

    asyncio.run(scenario())
