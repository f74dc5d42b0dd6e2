"""Where a scenario plays: events that flow at a rate, workers to break, and the verdict."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Producer

from projections.state import decode_row, order
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.topics import CONTROL_KEY, STATUS
from sources.plan import Plan
from sources.schedule import Schedule
from tests.support.plans import differences, wires
from tests.support.topics import committed, dead_letters, table

PARTITIONS = 4
LONGEST_S = 600.0
TICK_S = 0.05


@dataclass
class Stage:
    """Topics that are there and empty, and a folder; ``rate`` is in events a second."""

    bootstrap: str
    folder: Path
    plan: Plan
    rate: float = 2_000.0
    environment: dict[str, str] = field(default_factory=dict)
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schedule = Schedule.starting(round(time.time() * 1000), 1_000_000.0)
        self.events = wires(self.plan, self.schedule, PARTITIONS)
        self._publisher = threading.Thread(target=self._publish, daemon=True)
        self._published_s = 0.0
        self._not_sent = -1

    # -- events ------------------------------------------------------------------------------

    def flow(self) -> None:
        """Events begin to flow, and go on whatever happens."""
        self._publisher.start()

    @property
    def flowing(self) -> bool:
        """Whether there are events still to come."""
        return self._publisher.is_alive()

    def all_published(self) -> float:
        """Wait for the last acknowledgement; the rate that was reached, in events a second."""
        self._publisher.join(LONGEST_S)
        assert self._not_sent == 0, f"{self._not_sent} events were not acknowledged"
        return len(self.events) / self._published_s

    def _publish(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": PRODUCER_PARTITIONER,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "message.max.bytes": 2_000_000,
                "log_level": 0,
            }
        )
        began = time.monotonic()
        for sent, wire in enumerate(self.events):
            while sent > (time.monotonic() - began) * self.rate:
                producer.poll(0.01)
            producer.produce(wire.topic, wire.value, wire.key, wire.partition, headers=wire.headers)
        self._not_sent = producer.flush(LONGEST_S)
        self._published_s = time.monotonic() - began

    # -- workers -----------------------------------------------------------------------------

    def start(self, name: str = "w0", **environment: str) -> subprocess.Popen[bytes]:
        """A worker with a folder and a log of its own."""
        with self.log(name).open("ab") as out:
            self.workers[name] = subprocess.Popen(
                [sys.executable, "-m", "fdt", "process"],
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
                    "FDT_DATA_DIR": str(self.folder),
                    "FDT_WORKER_NAME": name,
                    "FDT_IDLE_CONTROL_INTERVAL": "2",
                    **self.environment,
                    **environment,
                },
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )
        return self.workers[name]

    def kill(self, name: str = "w0") -> None:
        """SIGKILL."""
        self.workers[name].kill()
        self.workers[name].wait()

    def stop(self, name: str = "w0") -> int:
        """An end in order; the exit code."""
        process = self.workers[name]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def close(self) -> None:
        """End what is left."""
        for process in self.workers.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self.workers.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def keep(self, name: str = "w0") -> None:
        """Start a worker again if it has ended, as a supervisor does."""
        if self.workers[name].poll() is not None:
            self.start(name)

    def log(self, name: str = "w0") -> Path:
        """What a worker said."""
        return self.folder / f"{name}.log"

    def store(self, number: int, name: str = "w0") -> Path:
        """A partition's store."""
        return self.folder / name / f"partition-{number}"

    # -- looking -----------------------------------------------------------------------------

    def read(self) -> int:
        """Source records covered so far, by the workers' own words."""
        return table(self.bootstrap).counts.get("read", 0)

    def wait_read(self, least: int, *keep: str) -> None:
        """Until so many are covered; ``keep`` names workers to start again."""
        deadline = time.monotonic() + LONGEST_S
        while (read := self.read()) < least:
            assert time.monotonic() < deadline, f"{read} of {least} read"
            for name in keep:
                self.keep(name)
            time.sleep(0.3)

    def said(self, pattern: str, name: str = "w0") -> bool:
        """Whether a worker's log holds something."""
        return re.search(pattern, self.log(name).read_text(errors="replace")) is not None

    def wait_said(self, pattern: str, name: str = "w0", timeout_s: float = 120) -> None:
        """Until a worker's log holds it."""
        deadline = time.monotonic() + timeout_s
        while not self.said(pattern, name):
            assert time.monotonic() < deadline, self.log(name).read_text()[-3_000:]
            time.sleep(0.1)

    def wait_resumed(self, partitions: int, name: str = "w0") -> None:
        """Until a worker took so many partitions over, over all its starts."""
        deadline = time.monotonic() + 120
        while self.log(name).read_text(errors="replace").count("goes on at") < partitions:
            assert time.monotonic() < deadline, self.log(name).read_text()[-3_000:]
            time.sleep(0.1)

    def verdict(self, *keep: str, exact: bool = True) -> None:
        """Everything read: table = plan, nothing lost or doubled, and no row went back.

        ``exact``: each record was counted once too, which a disaster of the log does not promise.
        """
        self.wait_read(len(self.events), *keep)
        found = table(self.bootstrap)
        wrong = differences(found.items(), self.plan, self.schedule)
        assert not wrong, f"{len(wrong)} journeys differ: {list(wrong.items())[:2]}"
        told = [letter["ce_id"].decode() for letter in dead_letters(self.bootstrap)]
        assert set(told) == set(self.plan.rubbish)
        if exact:
            assert len(told) == len(self.plan.rubbish)
            assert found.counts == {
                "read": len(self.events),
                "folded": len(self.events) - len(told),
                "dead_lettered": len(told),
            }
        assert went_back(self.bootstrap) == []


def went_back(bootstrap: str) -> list[str]:
    """Devices of which a later row lacks a record that an earlier one had."""
    held: dict[bytes, set[tuple[int, bytes, int, int]]] = defaultdict(set)
    codec, found = Codec(), []
    for message in committed(bootstrap, STATUS):
        key, value = message.key() or b"", message.value()
        if key == CONTROL_KEY or value is None:
            continue
        row = decode_row(codec.decode("FirmwareStatus", value)["state"])
        records = {order(report) for report in row.reports()}
        if not held[key] <= records:
            found.append(key.decode())
        held[key] = records
    return found


def pauses(bootstrap: str, since_ms: int) -> dict[int, float]:
    """Partition -> longest time between two of its transactions after a moment, in seconds."""
    last: dict[int, int] = {}
    longest: dict[int, float] = {}
    for message in committed(bootstrap, STATUS):
        number, at = message.partition() or 0, message.timestamp()[1]
        if message.key() != CONTROL_KEY:
            continue
        if number in last and at > since_ms:
            gap = (at - max(last[number], since_ms)) / 1000
            longest[number] = max(gap, longest.get(number, 0.0))
        last[number] = at
    return longest
