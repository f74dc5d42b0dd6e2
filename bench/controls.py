"""Follows the control records of the status topic, which count what each partition holds.

Compaction leaves only the last one of each partition, so all of them are read as they come.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaException, TopicPartition

from bench.load import PARTITIONS
from bench.throughput import consumer
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY, STATUS

_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Control:
    """A control record. ``at`` is its log-append time in milliseconds."""

    at: int
    partition: int
    rows: int
    counts: dict[str, int]


class Controls:
    """Every control record of a topic that has just been made."""

    def __init__(self, bootstrap: str) -> None:
        self.seen: list[Control] = []
        self._last: dict[int, Control] = {}
        self._codec = Codec()
        self._consumer = consumer(bootstrap)
        self._stopped = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._consumer.assign([TopicPartition(STATUS, number, 0) for number in range(PARTITIONS)])

    def rows(self) -> int:
        """Rows held by all partitions."""
        return sum(control.rows for control in self._newest())

    def count(self, name: str) -> int:
        """Source records so far: ``read``, ``folded`` or ``dead_lettered``."""
        return sum(control.counts.get(name, 0) for control in self._newest())

    def longest_gap(self, began: int, ended: int) -> float:
        """Seconds between two control records of one partition, both within these times."""
        last: dict[int, int] = {}
        longest = 0
        for control in self.seen:
            if began <= control.at <= ended:
                gap = control.at - last.get(control.partition, control.at)
                longest, last[control.partition] = max(longest, gap), control.at
        return longest / 1000

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the consumer."""
        self._stopped.set()
        self._thread.join()
        self._consumer.close()

    def _newest(self) -> list[Control]:
        if self._failure is not None:
            raise RuntimeError("the control records cannot be read") from self._failure
        return list(self._last.values())

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._take()
        except Exception as error:  # told to whoever asks next
            self._failure = error

    def _take(self) -> None:
        for message in self._consumer.consume(_AT_ONCE, timeout=0.5):
            if (error := message.error()) is not None:
                raise KafkaException(error)
            if message.key() != CONTROL_KEY:
                continue
            value = self._codec.decode("ProcessorControl", message.value())
            number, at = message.partition() or 0, message.timestamp()[1]
            control = Control(at, number, value["rows"], value["counts"])
            self._last[number] = control
            self.seen.append(control)


@contextmanager
def following(bootstrap: str) -> Iterator[Controls]:
    """The control records of the topic, as long as this is open."""
    controls = Controls(bootstrap)
    controls.start()
    try:
        yield controls
    finally:
        controls.stop()
