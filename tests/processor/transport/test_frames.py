"""The transport hands over everything once, whatever a rebalance overtakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, cast

from aiokafka.consumer.subscription_state import SubscriptionState
from faust.types import TP, Message
from mode import ServiceT

from processor.app import ProcessorApp
from processor.batch import Batch
from processor.transport.frames import FramesConsumer, FramesThread
from processor.worker import CONCURRENCY, Worker
from schemas.topics import DSP_EVENTS
from tests.simulation.broker import Record

PLACE: Final = TP(DSP_EVENTS, 0)
MANY: Final = 10
LONG_ENOUGH_S: Final = 0.1
"""For a fetch that nothing holds back, which takes a fifth of it."""


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

    def __init__(self, records: int = MANY) -> None:
        self.app = ProcessorApp(
            "test",
            broker="frames://127.0.0.1:1",
            broker_max_poll_records=MANY,
            loop=asyncio.get_running_loop(),
        )
        self.owner = Owner()
        self.app.owner = cast(Worker, self.owner)
        self.consumer = cast(FramesConsumer, self.app.consumer)
        self.consumer.resume_partitions({PLACE})
        self.consumer._thread.thread_loop.close()
        self.client = Client([])
        self.arrive(records)
        self.consumer._thread = cast(FramesThread, self.client)

    def arrive(self, records: int) -> None:
        """The broker has more."""
        first = len(self.client.records)
        self.client.records += [
            Record(b"key", b"value", first + number) for number in range(records)
        ]

    async def assigned(self) -> None:
        """A rebalance: another assignment of the same partition, and the seek that goes with it."""
        self.owner.assignment += 1
        await self.consumer.perform_seek()

    async def batches(self) -> list[Batch]:
        """What one call of the consumer brings."""
        return [cast(Batch, message.value) async for _, message in self.consumer.getmany(1.0)]

    async def offsets(self) -> list[int]:
        """Of the records that one call of the consumer brings."""
        return [
            record.offset
            for batch in await self.batches()
            for frame in batch.frames
            for record in frame.records
        ]

    async def is_held_back(self) -> asyncio.Task[list[int]]:
        """The next fetch, which waits."""
        position, fetch = self.client.position, asyncio.ensure_future(self.offsets())
        await asyncio.sleep(LONG_ENOUGH_S)
        assert not fetch.done()
        assert self.client.position == position
        return fetch


def test_a_fetch_that_a_rebalance_overtook_is_fetched_again() -> None:
    """The client passed its records after the seek of the rebalance: it is sent back to them."""

    async def scenario() -> None:
        bench = Bench()
        await bench.assigned()
        bench.client.overtaken_by = bench.assigned
        assert await bench.offsets() == []
        assert bench.client.position == MANY
        (batch,) = await bench.batches()
        assert [record.offset for record in batch.frames[0].records] == list(range(MANY))
        bench.consumer.processed(batch)
        assert await bench.offsets() == []

    asyncio.run(scenario())


def test_nothing_is_fetched_while_many_records_wait() -> None:
    """A worker that lags would take in whatever the broker has, and hold it as objects."""

    async def scenario() -> None:
        bench = Bench()
        await bench.assigned()
        (batch,) = await bench.batches()
        bench.arrive(2)
        fetch = await bench.is_held_back()
        bench.consumer.processed(batch)
        assert await fetch == [MANY, MANY + 1]
        bench.arrive(1)
        assert await bench.offsets() == [MANY + 2]

    asyncio.run(scenario())


def test_nothing_is_fetched_while_every_turn_of_the_worker_is_taken() -> None:
    """A slow broker would have a long queue of small batches, each with its transaction."""

    async def scenario() -> None:
        bench, waiting = Bench(records=0), list[Batch]()
        await bench.assigned()
        for _ in range(CONCURRENCY):
            bench.arrive(1)
            waiting += await bench.batches()
        bench.arrive(3)
        fetch = await bench.is_held_back()
        bench.consumer.processed(waiting[0])
        assert await fetch == [CONCURRENCY, CONCURRENCY + 1, CONCURRENCY + 2]

    asyncio.run(scenario())


def test_a_fetch_does_not_wait_for_ever() -> None:
    """Faust waits for it before it ends a worker, which processes nothing more by then."""

    async def scenario() -> None:
        bench = Bench()
        await bench.assigned()
        await bench.batches()
        bench.arrive(1)
        got = [message async for message in bench.consumer.getmany(LONG_ENOUGH_S)]
        assert got == []
        assert bench.client.position == MANY

    asyncio.run(scenario())


def test_what_a_rebalance_left_on_its_way_holds_nothing_back() -> None:
    """Faust drops it without a word."""

    async def scenario() -> None:
        bench = Bench()
        await bench.assigned()
        (dropped,) = await bench.batches()
        fetch = await bench.is_held_back()
        await bench.assigned()
        assert await fetch == list(range(MANY))
        bench.consumer.processed(dropped)
        await bench.is_held_back()

    asyncio.run(scenario())


def test_a_frame_that_goes_back_reaches_the_worker() -> None:
    """The broker lost records, and the client begins again; Faust takes them for read already."""

    async def scenario() -> None:
        bench, reached = Bench(), asyncio.Queue[Batch]()
        await bench.assigned()

        async def deliver(message: Message) -> None:
            batch = cast(Batch, message.value)
            bench.consumer.processed(batch)
            bench.client.position = 0
            del bench.client.records[2:]
            await reached.put(batch)

        bench.consumer.callback = deliver
        fetcher = cast(ServiceT, SimpleNamespace(_stopped=asyncio.Event()))
        draining = asyncio.ensure_future(bench.consumer._drain_messages(fetcher))
        first, again = [await asyncio.wait_for(reached.get(), 5) for _ in range(2)]
        draining.cancel()
        assert not first.frames[0].again
        assert again.frames[0].again

    asyncio.run(scenario())
