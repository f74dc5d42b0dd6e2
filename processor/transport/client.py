"""The Kafka client of the transport, in a thread of its own: its settings, and what a fetch takes.

Faust makes and runs it; :mod:`processor.transport.frames` asks it for records.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiokafka
from aiokafka.consumer import fetcher
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from processor.profile.stages import FETCH, Stages
from runtime import kafka
from runtime.access.kafka_security import current
from schemas.topics import TOPIC_SOURCES

FETCH_WAIT_MS: Final = 25
"""How long the broker holds a fetch that finds nothing.

The client has one fetch on its way to a broker at a time, for the partitions whose records are all
taken; while it waits for idle partitions, busy ones wait with it (measured: 0.5 s at the default).
"""


class LeanRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Records as the client's parser gives them, which is all that a frame needs of them.

    The client would make another object of each, with eleven fields (measured: a third of its
    thread's time). It makes these by name, and takes no other class for them.
    """

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        return record


fetcher.PartitionRecords = LeanRecords


class Unused(driver.Producer):
    """Faust's producer: it is started with the application, and writes nothing for us."""

    def _settings_auth(self) -> Mapping[str, Any]:
        return current().of_aiokafka()

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        kafka.renewed(producer.client)
        return producer


async def end_fetches(client: fetcher.Fetcher | None) -> None:
    """End what is on its way. The client does so when it is stopped, and fails where a fetch has
    just failed: its thread then ended with the group not left, and the worker waited for it."""
    if client is None:
        return
    under_way = [client._fetch_task, *client._pending_tasks]
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    client._pending_tasks.clear()


class FramesThread(driver.AIOKafkaConsumerThread):
    """The thread of the Kafka client."""

    _failed: Exception | None = None
    """What ended a fetch that had brought something."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        consumer = aiokafka.AIOKafkaConsumer(
            **kafka.aiokafka_settings(
                driver.server_list(transport.url, transport.default_port), conf.broker_client_id
            ),
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
        )
        kafka.renewed(consumer._client)
        return consumer

    async def on_thread_stop(self) -> None:
        """Fetches end before the client does."""
        if self._consumer is not None:
            await end_fetches(self._consumer._fetcher)
        await super().on_thread_stop()

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, list[Any]]:
        """For each partition number of which anything has come, up to ``max_records``: the same
        part of each topic first, so that what belongs to a device comes together."""
        stages: Stages | None = self.app.stages  # type: ignore[attr-defined]
        if stages is not None:
            stages.thread(FETCH)
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed
        found = dict(
            await super()._fetch_records(
                consumer, active_partitions, timeout, self._share(max_records)
            )
        )
        try:
            for number in {tp.partition for tp in found}:
                places = sorted(tp for tp in active_partitions if tp.partition == number)
                await self._fill(consumer, found, places, max_records or sys.maxsize)
        except Exception as error:  # told by the next fetch: what came is not lost for it
            self._failed = error
        return found

    @staticmethod
    def _share(most: int | None) -> int:
        """Of one topic, so that each gets the same."""
        return max(1, (most or sys.maxsize) // len(TOPIC_SOURCES))

    async def _fill(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        found: dict[TP, list[Any]],
        places: Sequence[TP],
        most: int,
    ) -> None:
        """Take what the client has of ``places``, up to ``most`` records together."""
        for bound in (self._share(most), most):
            for tp in places:
                held = sum(len(found.get(each, ())) for each in places)
                wanted = min(most - held, bound - len(found.get(tp, ())))
                if wanted > 0:
                    for more in (await super()._fetch_records(consumer, {tp}, 0, wanted)).values():
                        found[tp] = [*found.get(tp, ()), *more]
