"""A client is stopped while its broker does not answer, as a worker does that begins again for new
credentials: what it was fetching must not keep it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiokafka
import pytest
from aiokafka.structs import TopicPartition

from fdt.brokers.local import LocalKafka
from processor.transport.client import end_fetches
from schemas.topics import DSP_EVENTS
from tests.support.topics import create_anew

LONG_MS = 600_000
"""How long the client waits after a fetch that failed: that is where it is met."""
WITHIN_S = 60.0


async def stopped_after_a_fetch_failed(
    kafka: LocalKafka, log: pytest.LogCaptureFixture, *, ended_first: bool
) -> None:
    """Read, lose the broker, and stop."""
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, retry_backoff_ms=LONG_MS
    )
    await consumer.start()
    consumer.assign([TopicPartition(DSP_EVENTS, 0)])
    await consumer.seek_to_beginning()
    assert await consumer.getmany(timeout_ms=100) == {}
    kafka.kill()
    await asyncio.wait_for(_until_failed(log), WITHIN_S)
    if ended_first:
        await end_fetches(consumer._fetcher)
    try:
        await consumer.stop()
    finally:
        await consumer._client.close()


async def _until_failed(log: pytest.LogCaptureFixture) -> None:
    """Until a fetch has failed: it waits then, before the next one."""
    while "Failed fetch messages" not in log.text:
        await asyncio.sleep(0.05)


def test_a_fetch_that_failed_does_not_keep_the_client(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left in order; without our part the client fails."""
    for ended_first in (False, True):
        with LocalKafka(tmp_path / str(ended_first), heap_mb=256) as kafka:
            create_anew(kafka.bootstrap_servers)
            caplog.clear()
            raised: BaseException | None = None
            try:
                asyncio.run(stopped_after_a_fetch_failed(kafka, caplog, ended_first=ended_first))
            except asyncio.CancelledError as error:
                raised = error
            assert (raised is None) == ended_first
