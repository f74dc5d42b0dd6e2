"""Counts and rates of a worker, from its control records and log; and commands to be measured."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicPartition

from bench.load import PARTITIONS
from runtime import kafka
from runtime.broker import once_led
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY, SOURCE_TOPICS, STATUS


def reading_only(bootstrap: str, events: int) -> float:
    """confluent-kafka consuming the event topics, and nothing else."""
    reader = consumer(bootstrap)
    reader.assign(
        [TopicPartition(t, n, 0) for t in SOURCE_TOPICS.values() for n in range(PARTITIONS)]
    )
    began, seen = 0.0, 0
    while seen < events:
        seen += len(reader.consume(5_000, timeout=0.2))
        began = began or time.perf_counter()
    took = time.perf_counter() - began
    reader.close()
    return seen / took


def covered(bootstrap: str) -> int:
    """Source records covered so far, by the newest control record of each partition."""
    codec = Codec()
    return sum(
        codec.decode("ProcessorControl", message.value())["counts"].get("read", 0)
        for message in _newest_controls(bootstrap)
    )


def _newest_controls(bootstrap: str) -> Iterator[Message]:
    """The newest control record of each partition that has one."""
    reader = consumer(bootstrap)
    try:
        for number in range(PARTITIONS):
            end = _end_of(reader, TopicPartition(STATUS, number))
            # A transaction ends with its control record and the commit marker.
            reader.assign([TopicPartition(STATUS, number, max(0, end - 2))])
            for message in reader.consume(1, timeout=1.0):
                if message.error() is None and message.key() == CONTROL_KEY:
                    yield message
    finally:
        reader.close()


def _end_of(reader: Consumer, partition: TopicPartition) -> int:
    _, end = once_led(lambda: reader.get_watermark_offsets(partition, timeout=10))
    return int(end)


def rate(bootstrap: str, log: Path, events: int) -> float:
    """Events a second, from when the worker with this log owned its partitions, with nothing
    fetched yet, until the last of ``events`` was durable."""
    owned = re.findall(r"^(\S+)Z INFO partition \d+: .* goes on at", log.read_text(), re.MULTILINE)
    began = datetime.fromisoformat(owned[0]).replace(tzinfo=UTC).timestamp()
    return events / (_last_durable(bootstrap) - began)


def _last_durable(bootstrap: str) -> float:
    """Seconds since 1970, by the broker's clock."""
    return max(message.timestamp()[1] for message in _newest_controls(bootstrap)) / 1000


def consumer(bootstrap: str) -> Consumer:
    """Of committed records, for partitions that are assigned to it."""
    return kafka.consumer(bootstrap, "bench", {"isolation.level": "read_committed"})


@contextmanager
def command(
    name: str, bootstrap: str, folder: Path, *, log: str = "log", **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``fdt NAME`` in the background, its data and log in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / log).open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "fdt", name],
            env={
                **os.environ,
                "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
                "FDT_DATA_DIR": str(folder),
                **environment,
            },
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
