"""Thirty days in twenty seconds: who publishes, who asks the API, and who listens to the topic.

Whatever is done to workers and disks meanwhile, :meth:`Month.verdict` holds what was served and
what was written against the broker's own times (I8, I9).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

import httpx
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from fdt.processes.children import free_port
from query_api.identity.access import Role
from query_api.identity.access_tokens import Claims, development_token
from query_api.identity.keys import DevelopmentKey
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.topics import CONTROL_KEY, DSP_EVENTS, STATUS
from tests.chaos.workers import PARTITIONS, Workers
from tests.support.events import REQUEST, dsp_event
from tests.support.processes import running

RETENTION_S: Final = 20.0
DAY_S: Final = RETENTION_S / 30
RATE: Final = 50
LATE_MS: Final = 1_000
"""An answer is of the last record that has come over from the broker."""
FORGOTTEN_BY_S: Final = 60.0
"""Even with a worker that is killed meanwhile, and whose session must run out."""


def now_ms() -> int:
    """This machine's clock, which is the broker's too."""
    return round(time.time() * 1000)


@dataclass(frozen=True)
class Said:
    """What the status topic said of a device."""

    at: int
    is_row: bool


@dataclass
class Month(Workers):
    """Publisher, API and listeners around the workers."""

    received: dict[str, int] = field(default_factory=dict)
    """Device -> received time of its only event."""
    history: defaultdict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    """What was served and should not have been, or the other way round."""
    asked: int = 0

    def __post_init__(self) -> None:
        self.environment = {
            "FDT_RETENTION": f"PT{RETENTION_S:g}S",
            "FDT_IDLE_CONTROL_INTERVAL": "PT1S",
            "FDT_SESSION_TIMEOUT": "6",
        }
        self._made = 0
        self._codec = Codec()
        self._producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": PRODUCER_PARTITIONER,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        self._quiet = threading.Event()
        self._ended = threading.Event()
        self._publisher = threading.Thread(target=self._publish, daemon=True)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._asker = threading.Thread(target=self._ask, daemon=True)
        self._read_side = ExitStack()
        self._api: httpx.Client | None = None

    # -- life ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A worker, a read side, and everybody who looks at them."""
        self.start()
        self.wait_said("goes on at")
        self._listener.start()
        self.open_read_side()
        self._publisher.start()
        self._asker.start()

    def open_read_side(self) -> None:
        """Serve; until it is ready nobody asks."""
        port = free_port()
        self._read_side.enter_context(
            running(
                "serve",
                log=self.folder / "read-side.log",
                KAFKA_BOOTSTRAP_SERVERS=self.bootstrap,
                FDT_DATA_DIR=str(self.folder),
                FDT_API_PORT=str(port),
                FDT_SEARCHES_PER_MINUTE="1000000",
                **self.environment,
            )
        )
        token = development_token(
            DevelopmentKey(self.folder),
            audience="firmware-tracking",
            claims=Claims(),
            subject="month",
            user_ids=[],
            roles=[Role.SERVICE_CENTRE],
            valid_s=3_600,
        )
        api = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        wait_until(lambda: _is_ready(api), "the read side is not ready")
        self._api = api

    def close_read_side(self) -> None:
        """An end in order."""
        api, self._api = self._api, None
        if api is not None:
            api.close()
        self._read_side.close()

    def quiet(self) -> None:
        """Nothing more is published."""
        self._quiet.set()
        self._publisher.join()

    def close(self) -> None:
        """Everything ends."""
        self._quiet.set()
        self._ended.set()
        for thread in (self._publisher, self._asker, self._listener):
            if thread.is_alive():
                thread.join(30)
        self.close_read_side()
        super().close()

    # -- events ----------------------------------------------------------------------------------

    def publish(self, number: int) -> set[str]:
        """So many devices more are accepted, in the one request; the devices, once acknowledged."""
        devices = {self._publish_one() for _ in range(number)}
        assert self._producer.flush(60) == 0
        return devices

    def _publish(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._quiet.is_set():
            while sent < (time.monotonic() - began) * RATE:
                self._publish_one()
                sent += 1
            self._producer.poll(0.02)
        self._producer.flush(60)

    def _publish_one(self) -> str:
        self._made += 1
        tail = "-".join(f"{octet:02X}" for octet in self._made.to_bytes(3, "big"))
        device = f"00-DB-12-34-56-{tail}"
        event = dsp_event(device_id=device, event_id=str(uuid.uuid4()))
        value = self._codec.encode("DspEvent", event)
        self._producer.produce(DSP_EVENTS, value, device, on_delivery=self._delivered)
        return device

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        self.received[(message.key() or b"").decode()] = message.timestamp()[1]

    # -- listeners -------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Every committed record of the status topic, before compaction takes it."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "month",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
            }
        )
        consumer.assign([TopicPartition(STATUS, number, 0) for number in range(PARTITIONS)])
        while not self._ended.is_set():
            for message in consumer.consume(2_000, timeout=0.01):
                key = message.key()
                if message.error() is None and key is not None and key != CONTROL_KEY:
                    said = Said(message.timestamp()[1], message.value() is not None)
                    self.history[key.decode()].append(said)
        consumer.close()

    def _ask(self) -> None:
        seen: set[str] = set()
        while not self._ended.is_set():
            time.sleep(0.2)
            api = self._api
            if api is None:
                continue
            received, began = dict(self.received), now_ms()
            try:
                shown = _shown(api)
            except (httpx.TransportError, RuntimeError):
                assert self._api is not api, "the read side does not answer"
                continue  # it is being started again
            self._compare(shown, seen, received, began, now_ms())
            seen |= shown
            self.asked += 1

    def _compare(
        self, shown: set[str], seen: set[str], received: dict[str, int], began: int, ended: int
    ) -> None:
        for device in shown & received.keys():
            if (over := began - received[device] - RETENTION_S * 1000) > LATE_MS:
                self.wrong.append(f"{began}: {device} was served {over:.0f} ms after it was due")
        for device in (seen & received.keys()) - shown:
            if (left := received[device] + RETENTION_S * 1000 - ended) > 0:
                self.wrong.append(f"{began}: {device} was gone {left:.0f} ms before it was due")

    # -- looking ---------------------------------------------------------------------------------

    def forgotten(self, devices: set[str]) -> int:
        """How many of these have their tombstone."""
        return sum(not said[-1].is_row for d in devices if (said := self.history.get(d)))

    def verdict(self) -> None:
        """Every device was shown until it was due, forgotten after that, and never again."""
        wait_until(
            lambda: self.forgotten(set(self.received)) == len(self.received),
            "not everything is forgotten",
        )
        assert not self.wrong, f"{len(self.wrong)} answers were wrong: {self.wrong[:3]}"
        assert self.asked > 0
        for device, at in self.received.items():
            row, *others, tombstone = self.history[device]
            assert (row.is_row, tombstone.is_row) == (True, False), device
            assert others == [], f"{device} came back: {self.history[device]}"
            after_s = (tombstone.at - at) / 1000
            assert RETENTION_S <= after_s < RETENTION_S + FORGOTTEN_BY_S, f"{device}: {after_s} s"


def wait_until(right: Callable[[], bool], otherwise: str, timeout_s: float = 180) -> None:
    """Fails, saying ``otherwise``, when it never is."""
    deadline = time.monotonic() + timeout_s
    while not right():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.005)


def _is_ready(api: httpx.Client) -> bool:
    try:
        return api.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _shown(api: httpx.Client) -> set[str]:
    """Every device of the request, page by page."""
    shown: set[str] = set()
    cursor: dict[str, str] = {}
    while True:
        answer = api.get(f"/v1/service-requests/{REQUEST}", params={"limit": "500", **cursor})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return shown
        assert answer.status_code == httpx.codes.OK, answer.text
        page = answer.json()
        shown |= {item["device_id"] for item in page["items"]}
        if page["next_cursor"] is None:
            return shown
        cursor = {"cursor": page["next_cursor"]}
