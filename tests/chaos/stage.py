"""Where a scenario plays: events that flow at a rate, workers to break, and the verdict."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from confluent_kafka import Producer

from projections.rows import decode_row, order, reports_of
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.topics import CONTROL_KEY, STATUS
from sources.planning.plan import Plan
from sources.schedule import Schedule
from tests.chaos.workers import LONGEST_S, PARTITIONS, Workers
from tests.support.plans import differences, wires
from tests.support.topics import committed, dead_letters, table


@dataclass
class Stage(Workers):
    """Topics that are there and empty, and a folder; ``rate`` is in events a second."""

    plan: Plan
    rate: float = 2_000.0

    def __post_init__(self) -> None:
        self.schedule = Schedule.starting(round(time.time() * 1000), 1_000_000.0)
        self.events = wires(self.plan, self.schedule, PARTITIONS)
        self._publisher = threading.Thread(target=self._publish, daemon=True)
        self._published_s = 0.0
        self._not_sent = -1

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

    def verdict(self, *keep: str, exact: bool = True) -> None:
        """Everything read: table = plan, nothing lost or doubled, and no row went back.

        ``exact``: each record was counted once too, which a disaster of the log does not promise.
        """
        self.wait_read(len(self.events), *keep)
        judge(self.bootstrap, self.plan, self.schedule, exact=exact)


def judge(bootstrap: str, plan: Plan, schedule: Schedule, *, exact: bool = True) -> None:
    """Table = plan, nothing lost or doubled, and no row went back. ``exact``: counted once too."""
    found = table(bootstrap)
    wrong = differences(found.items(), plan, schedule)
    assert not wrong, f"{len(wrong)} journeys differ: {list(wrong.items())[:2]}"
    told = [letter["ce_id"].decode() for letter in dead_letters(bootstrap)]
    assert set(told) == set(plan.malformed)
    if exact:
        assert len(told) == len(plan.malformed)
        assert found.counts == {
            "read": len(plan.publications),
            "folded": len(plan.publications) - len(told),
            "dead_lettered": len(told),
        }, f"other counts than {len(plan.publications)} read: {found.counts}"
    assert went_back(bootstrap) == []


def went_back(bootstrap: str) -> list[str]:
    """Devices of which a later row lacks a record that an earlier one had."""
    held: dict[bytes, set[tuple[int, bytes, int, int]]] = defaultdict(set)
    codec, found = Codec(), []
    for message in committed(bootstrap, STATUS):
        key, value = message.key() or b"", message.value()
        if key == CONTROL_KEY or value is None:
            continue
        row = decode_row(codec.decode("FirmwareStatus", value)["state"])
        records = {order(report) for report in reports_of(row)}
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
