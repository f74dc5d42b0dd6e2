"""The transport hands over everything once, whatever a rebalance overtakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faust.types import TP, Message
from mode import ServiceT

from processor.app import ProcessorApp
from processor.batch import Batch
from processor.transport.client import FETCH_WAIT_MS, FramesThread
from processor.transport.frames import FramesConsumer
from processor.worker import CONCURRENCY, Worker
from schemas.topics import COMMS_HUB_EVENTS, CSP_EVENTS, DSP_EVENTS
from tests.simulation.broker import Record

PLACE: Final = TP(DSP_EVENTS, 0)
PLACES: Final = [TP(DSP_EVENTS, number) for number in range(CONCURRENCY + 1)]
MANY: Final = 10
LONG_ENOUGH_S: Final = 0.1
"""For a fetch that nothing holds back, which takes a fifth of it."""


@dataclass
class Client:
    """The Kafka client's thread: it stands where it was sent, and moves on as it hands over."""

    records: dict[TP, list[Record]]
    at: dict[TP, int]
    overtaken_by: Callable[[], Any] | None = None
    """What happens while its next fetch is on its way."""

    async def getmany(self, partitions: set[TP], timeout: float) -> dict[TP, list[Record]]:
        """Everything from the positions on."""
        if self.overtaken_by is not None:
            meanwhile, self.overtaken_by = self.overtaken_by, None
            await meanwhile()
        found = {tp: self.records[tp][self.at[tp] :] for tp in sorted(partitions)}
        self.at |= {tp: len(self.records[tp]) for tp in partitions}
        return {tp: records for tp, records in found.items() if records}

    async def seek_wait(self, positions: Mapping[TP, int]) -> None:
        """Go there."""
        self.at |= positions

    def assignment(self) -> set[TP]:
        """One partition of one topic for each turn of the worker, and one more."""
        return set(PLACES)

    def _ensure_consumer(self) -> Any:
        """A client that does not know the ends yet."""
        return SimpleNamespace(_subscription=SubscriptionState())


@dataclass
class Owner:
    """A worker that has covered nothing."""

    assignment: int = 1
    covered: dict[TP, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))

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
        self.consumer.resume_partitions(set(PLACES))
        self.consumer._thread.thread_loop.close()
        self.client = Client({tp: [] for tp in PLACES}, dict.fromkeys(PLACES, 0))
        self.arrive(records)
        self.consumer._thread = cast(FramesThread, self.client)

    def arrive(self, records: int, place: TP = PLACE) -> None:
        """The broker has more."""
        held = self.client.records[place]
        held += [Record(b"key", b"value", len(held) + number) for number in range(records)]

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
        at, fetch = dict(self.client.at), asyncio.ensure_future(self.offsets())
        await asyncio.sleep(LONG_ENOUGH_S)
        assert not fetch.done()
        assert self.client.at == at
        return fetch


def test_the_client_is_made_as_the_partitions_need_it() -> None:
    """Committed records only, from where the ledgers say, and numbers that stay together."""

    async def scenario() -> None:
        bench = Bench()
        thread = FramesThread(bench.consumer)
        thread.thread_loop.close()
        client = thread._create_worker_consumer(bench.consumer.transport)
        assert client._isolation_level == "read_committed"
        assert not client._enable_auto_commit
        assert client._partition_assignment_strategy == [RangePartitionAssignor]
        assert client._fetch_max_wait_ms == FETCH_WAIT_MS
        assert client._max_poll_records == MANY
        await client.stop()

    asyncio.run(scenario())


def test_a_fetch_that_a_rebalance_overtook_is_fetched_again() -> None:
    """The client passed its records after the seek of the rebalance: it is sent back to them."""

    async def scenario() -> None:
        bench = Bench()
        await bench.assigned()
        bench.client.overtaken_by = bench.assigned
        assert await bench.offsets() == []
        assert bench.client.at[PLACE] == MANY
        (batch,) = await bench.batches()
        assert [record.offset for record in batch.frames[0].records] == list(range(MANY))
        bench.consumer.processed(batch)
        assert await bench.offsets() == []

    asyncio.run(scenario())


def test_a_partition_has_one_batch_at_a_time_and_what_comes_meanwhile_is_the_next() -> None:
    """A worker that lags, or a slow broker, makes batches larger, and not the queue longer."""

    async def scenario() -> None:
        bench = Bench(1)
        await bench.assigned()
        (first,) = await bench.batches()
        bench.arrive(2)
        bench.arrive(1, PLACES[1])
        (other,) = await bench.batches()
        assert other.partition == 1
        bench.arrive(1)
        assert await bench.offsets() == []
        bench.consumer.processed(first)
        assert await bench.offsets() == [1, 2, 3]

    asyncio.run(scenario())


def test_what_has_no_backlog_waits_for_none_that_has_one() -> None:
    """Full batches leave a turn to the others; a batch that is not full shows the backlog's end."""

    async def scenario() -> None:
        bench, waiting = Bench(records=0), list[Batch]()
        await bench.assigned()
        for place in PLACES:
            bench.arrive(MANY, place)
            waiting += await bench.batches() if place.partition < CONCURRENCY else []
        bench.consumer.processed(waiting.pop())
        bench.arrive(1, PLACES[CONCURRENCY - 1])
        (new,) = await bench.batches()
        assert new.partition == CONCURRENCY
        bench.consumer.processed(new)
        fetch = await bench.is_held_back()
        bench.consumer.processed(waiting.pop())
        assert await fetch == [MANY]

    asyncio.run(scenario())


def test_nothing_is_fetched_while_every_turn_of_the_worker_is_taken() -> None:
    """A slow broker would have a long queue of small batches, each with its transaction."""

    async def scenario() -> None:
        bench, waiting = Bench(records=0), list[Batch]()
        await bench.assigned()
        for place in PLACES[:CONCURRENCY]:
            bench.arrive(1, place)
            waiting += await bench.batches()
        bench.arrive(3, PLACES[CONCURRENCY])
        fetch = await bench.is_held_back()
        bench.consumer.processed(waiting[0])
        assert await fetch == [0, 1, 2]

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
        assert bench.client.at[PLACE] == MANY

    asyncio.run(scenario())


def test_what_a_rebalance_left_on_its_way_holds_nothing_back() -> None:
    """Faust drops it without a word."""

    async def scenario() -> None:
        bench = Bench()
        await bench.assigned()
        (dropped,) = await bench.batches()
        assert await bench.offsets() == []
        await bench.assigned()
        assert await bench.offsets() == list(range(MANY))
        bench.consumer.processed(dropped)
        bench.arrive(1)
        assert await bench.offsets() == []

    asyncio.run(scenario())


def test_a_frame_that_goes_back_reaches_the_worker() -> None:
    """The broker lost records, and the client begins again; Faust takes them for read already."""

    async def scenario() -> None:
        bench, reached = Bench(), asyncio.Queue[Batch]()
        await bench.assigned()

        async def deliver(message: Message) -> None:
            batch = cast(Batch, message.value)
            bench.consumer.processed(batch)
            bench.client.at[PLACE] = 0
            del bench.client.records[PLACE][2:]
            await reached.put(batch)

        bench.consumer.callback = deliver
        fetcher = cast(ServiceT, SimpleNamespace(_stopped=asyncio.Event()))
        draining = asyncio.ensure_future(bench.consumer._drain_messages(fetcher))
        first, again = [await asyncio.wait_for(reached.get(), 5) for _ in range(2)]
        draining.cancel()
        assert not first.frames[0].again
        assert again.frames[0].again

    asyncio.run(scenario())


@dataclass
class Fetcher:
    """What the client has fetched; it fails where it is told to."""

    records: dict[TP, list[Record]]
    failing: TP | None = None
    _closed: bool = False

    @property
    def _subscriptions(self) -> Any:
        return SimpleNamespace(fetch_context=nullcontext)

    async def fetched_records(
        self, partitions: set[TP], timeout: float, max_records: int
    ) -> dict[TP, list[Record]]:
        """Up to so many records, of the first partitions that have any."""
        drained: dict[TP, list[Record]] = {}
        for tp in [tp for tp in self.records if tp in partitions and self.records[tp]]:
            if tp == self.failing and not drained:
                self.failing = None
                raise KafkaError("a part of it is damaged")
            wanted = max_records - sum(map(len, drained.values()))
            drained[tp], self.records[tp] = self.records[tp][:wanted], self.records[tp][wanted:]
        return {tp: records for tp, records in drained.items() if records}


def fetches(fetcher: Fetcher, most: int) -> Callable[[], dict[TP, list[Record]]]:
    """Fetches of the real thread from what the client has, of no more than ``most`` a number."""
    client = SimpleNamespace(_fetcher=fetcher, _closed=False)

    async def made() -> FramesThread:
        return FramesThread(Bench().consumer)

    thread = asyncio.run(made())
    thread.thread_loop.close()
    thread.consumer = cast(Any, SimpleNamespace(flow_active=True))
    return lambda: asyncio.run(
        thread._fetch_records(cast(Any, client), set(fetcher.records), 1.0, most)
    )


def counts(found: Mapping[TP, list[Record]]) -> dict[tuple[str, int], int]:
    """Topic and number -> records."""
    return {(tp.topic, tp.partition): len(records) for tp, records in found.items()}


def test_a_fetch_takes_the_same_part_of_each_topic_then_what_there_is() -> None:
    """Thousands of acceptances and none of their transfers would change every row twice."""
    have = {
        TP(DSP_EVENTS, 0): [Record(b"", b"", n) for n in range(100)],
        TP(CSP_EVENTS, 0): [Record(b"", b"", n) for n in range(100)],
        TP(COMMS_HUB_EVENTS, 0): [Record(b"", b"", n) for n in range(4)],
    }
    fetch = fetches(Fetcher(have), 40)
    first = fetch()
    assert counts(first) == {(DSP_EVENTS, 0): 10, (CSP_EVENTS, 0): 26, (COMMS_HUB_EVENTS, 0): 4}
    everything = [first]
    while found := fetch():
        everything.append(found)
    for topic in (DSP_EVENTS, CSP_EVENTS):
        offsets = [r.offset for found in everything for r in found.get(TP(topic, 0), ())]
        assert offsets == list(range(100))


def test_what_a_fetch_brought_is_not_lost_when_another_part_fails() -> None:
    """The client has moved on behind it: the failure is told by the next fetch."""
    have = {TP(t, 0): [Record(b"", b"", n) for n in range(9)] for t in (DSP_EVENTS, CSP_EVENTS)}
    fetch = fetches(Fetcher(have, failing=TP(CSP_EVENTS, 0)), 12)
    assert counts(fetch()) == {(DSP_EVENTS, 0): 3}
    with pytest.raises(KafkaError, match="damaged"):
        fetch()
    assert counts(fetch()) == {(DSP_EVENTS, 0): 3, (CSP_EVENTS, 0): 9}
