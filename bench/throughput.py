"""How many events a second: reading only, this processor, and Faust as documented."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from bench.load import PARTITIONS
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY, SOURCE_TOPICS, STATUS

_LONGEST_S = 1_800.0


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


def processor(bootstrap: str, folder: Path, events: int) -> float:
    """This processor as one worker, by the broker's own clock: first control record to last."""
    with command("process", bootstrap, folder) as process:
        deadline = time.monotonic() + _LONGEST_S
        while covered(bootstrap) < events:
            if process.poll() is not None:
                raise RuntimeError(f"the processor ended: see {folder / 'log'}")
            if time.monotonic() > deadline:
                raise RuntimeError("the processor did not finish")
            time.sleep(2)
    return rate(bootstrap)


def documented(bootstrap: str, folder: Path, events: int) -> float:
    """Faust as its guide shows it, from its first event to its last."""
    folder.mkdir()
    module = [sys.executable, "-m", "bench.faust_documented"]
    done = subprocess.run(
        [*module, bootstrap, str(folder), str(PARTITIONS), str(events)],
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=True,
    )
    return float(done.stdout.split()[-1])


def covered(bootstrap: str) -> int:
    """Source records covered so far, by the newest control record of each partition."""
    reader, codec, read = consumer(bootstrap), Codec(), 0
    for number in range(PARTITIONS):
        partition = TopicPartition(STATUS, number)
        _, end = reader.get_watermark_offsets(partition, timeout=10)
        # A transaction ends with its control record and the commit marker.
        reader.assign([TopicPartition(STATUS, number, max(0, end - 2))])
        for message in reader.consume(1, timeout=1.0):
            if message.error() is None and message.key() == CONTROL_KEY:
                control = codec.decode("ProcessorControl", message.value())
                read += control["counts"].get("read", 0)
    reader.close()
    return read


def rate(bootstrap: str) -> float:
    """Records that became durable after the first transaction, over the time that they took."""
    reader, codec = consumer(bootstrap), Codec()
    controls: list[tuple[int, int, int]] = []
    for number in range(PARTITIONS):
        _, end = reader.get_watermark_offsets(TopicPartition(STATUS, number), timeout=10)
        reader.assign([TopicPartition(STATUS, number, 0)])
        at = 0
        while at < end - 2:
            for message in reader.consume(5_000, timeout=0.2):
                at = message.offset() or 0
                if message.key() == CONTROL_KEY:
                    read = codec.decode("ProcessorControl", message.value())["counts"]["read"]
                    controls.append((message.timestamp()[1], number, read))
    reader.close()
    began, ended = min(controls)[0], max(controls)[0]
    done: dict[int, int] = {}
    before: dict[int, int] = {}
    for at, number, read in sorted(controls):
        done[number] = read
        if at == began:
            before[number] = read
    return (sum(done.values()) - sum(before.values())) / (ended - began) * 1000


def consumer(bootstrap: str) -> Consumer:
    """Of committed records, for partitions that are assigned to it."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )


@contextmanager
def command(
    name: str, bootstrap: str, folder: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``fdt NAME`` in the background, its data and log in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fdt", name],
            env={
                **os.environ,
                "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
                "FDT_DATA_DIR": str(folder),
                **environment,
            },
            stdout=log,
            stderr=log,
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
