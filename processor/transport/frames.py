"""Faust's transport, handing over one message for each partition number and fetch.

Faust runs four asyncio tasks for every message, which caps it at a few thousand events a second;
one message a batch removes that cost (docs/decisions/0001). Transports are a public extension
point: this one is chosen by ``broker="frames://host:port"``.

What else differs from Faust's own: positions come from the partitions' ledgers, never from the
group's committed offsets; no fetch begins before the worker has a turn for what it brings, which
the worker says and not Faust's acknowledgement; and the partitions of one number are always
assigned together (range, over topics of equal partition counts).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol, cast

from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

from processor.batch import Batch, Chain, Place
from processor.transport.client import FramesThread, Unused
from processor.transport.waiting import Waiting
from schemas.topics import TOPIC_SOURCES

GATHER_S: Final = 0.01
"""Pause before the next fetch when the last one brought little: fewer, fuller transactions."""
LITTLE: Final = 500
AGAIN_S: Final = 0.02
"""How long a fetch waits while partitions are taken that may come free meanwhile."""


class Owner(Protocol):
    """Who owns the partitions' positions: the worker behind the transport."""

    async def assigned(self, partitions: set[int]) -> None:
        """Own exactly these partition numbers, each brought up to the end of the status topic."""

    async def revoked(self) -> None:
        """Finish what is being processed; nothing more comes until the next assignment."""

    assignment: int
    """Number of the present assignment."""
    partitions: int
    """How many partition numbers there are."""
    ends: Mapping[Place, int]
    """End offsets of the source partitions owned: said to the owner as the fetches see them."""

    def positions(self) -> Mapping[TP, int]:
        """Next offset of every source partition owned."""


class FramesConsumer(driver.Consumer):
    """Faust's consumer with batches for messages and the owner's positions for offsets."""

    _thread: FramesThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = Waiting(self.app.conf.broker_max_poll_records)
        self._brought = 0
        self._dropped = False
        self._chain = Chain()
        self._ends: dict[Place, int] = {}
        self._committed: dict[TP, int] = {}

    @property
    def owner(self) -> Owner:
        """The worker; set on the app before it starts."""
        owner: Owner = self.app.owner  # type: ignore[attr-defined]
        return owner

    def _new_consumer_thread(self) -> FramesThread:
        return FramesThread(self, loop=self.loop, beacon=self.beacon)

    # -- assignment ------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Everything handed over is durable or dropped before another worker may go on."""
        await super().on_partitions_revoked(revoked)
        await self.owner.revoked()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """The partitions are ours, and their stores at the log's end, before Faust goes on."""
        numbers = {tp.partition for tp in assigned if tp.topic in TOPIC_SOURCES}
        # A topic that has grown meanwhile has partitions that nobody can place.
        await self.owner.assigned({number for number in numbers if number < self.owner.partitions})
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Go to where the ledgers stand."""
        positions = dict(self.owner.positions())
        self._dropped = False
        self._waiting.forget()
        self._ends = {}
        self._chain.begin({(tp.topic, tp.partition): at for tp, at in positions.items()})
        await self.seek_wait(positions)

    # -- fetching --------------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """One message for each partition number in what the fetches brought."""
        free = await self._waiting.free(self._get_active_partitions, timeout)
        if self.flow_active and not free:
            return  # a worker that ends processes nothing more, and Faust waits for this call
        if self._dropped and self.flow_active:
            # The client has passed what was dropped, perhaps after the seek of the rebalance.
            await self.perform_seek()
        if self._brought < LITTLE:
            await asyncio.sleep(GATHER_S)
        fetched_under = self._under()
        records = await self._fetched(free, timeout)
        if self.should_stop:
            return
        self._brought = sum(map(len, records.values()))
        found = {(tp.topic, tp.partition): held for tp, held in records.items()}
        batches = self._chain.batches(found)
        self._note_ends()
        for number, frames in batches:
            if not self.flow_active or self._under() != fetched_under:
                self._dropped = True
                return
            batch = Batch(number, frames, self.ends(number), fetched_under[1])
            tp, message = self._message(batch)
            self._waiting.add(batch)
            # A frame may go back (Frame.again): Faust would drop it as one that it has read.
            self._read_offset[tp] = None
            yield tp, message

    async def _fetched(self, free: set[TP], timeout: float) -> Mapping[TP, list[Any]]:
        """What the client has of ``free``. A partition that comes free meanwhile is not looked at,
        so that it is looked again soon while there are others."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
            return {}
        return await self._getmany(free, AGAIN_S if self._waiting else timeout)

    def processed(self, batch: Batch) -> None:
        """The worker is through with a batch: it is durable, or of a former assignment."""
        self._waiting.remove(batch)

    def _under(self) -> tuple[int, int]:
        """The group's generation, and the assignment that the worker has taken up."""
        return self.app.consumer_generation_id, self.owner.assignment

    def ends(self, number: int) -> dict[str, int]:
        """End offsets of the source topics in a partition number, as the last fetch saw them."""
        return {topic: end for (topic, n), end in self._ends.items() if n == number}

    def _note_ends(self) -> None:
        """While no fetch is on its way, positions and ends belong together.

        Transaction markers take offsets and are never handed over: a client that stands behind the
        last of them has nothing left to read, and the end is where the next frame begins.
        """
        subscription = self._thread._ensure_consumer()._subscription.subscription
        if subscription is None or not subscription.assignment:
            return
        for topic, number in self._chain:
            tp = TopicPartition(topic, number)
            if tp not in subscription.assignment.tps:
                continue
            state = subscription.assignment.state_value(tp)
            if state.lso is not None and state.has_valid_position:
                passed = state.position >= state.lso
                self._ends[topic, number] = self._chain.next(topic, number) if passed else state.lso
        self.owner.ends = dict(self._ends)

    def _message(self, batch: Batch) -> tuple[TP, Message]:
        frame = batch.frames[0]
        last = frame.records[-1]
        tp = TP(frame.topic, batch.partition)
        return tp, ConsumerMessage(
            frame.topic,
            batch.partition,
            last.offset,
            last.timestamp / 1000,
            1,
            [],
            None,
            cast(bytes, batch),  # Faust hands the value on as it is
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    # -- commit ----------------------------------------------------------------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets between two batches are the batches' own business."""

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Tell the group what is covered; only lag tools read it."""
        assignment = self.assignment()
        positions = {
            tp: offset
            for tp, offset in self.owner.positions().items()
            if tp in assignment and self._committed.get(tp) != offset
        }
        if not positions or not await self._commit(positions):
            return False
        self._committed.update(positions)
        return True


class Transport(driver.Transport):
    """The transport behind ``frames://``."""

    Consumer = FramesConsumer
    Producer = Unused
