"""Walks through a request of 50,000 items while it changes and its programs are killed.

``python -m tests.chaos.walk --minutes 10``: what docs/api-versions.md promises, on a real Kafka
with two workers and a read side. One reader walks page after page, another follows by
``changed_since``; at the end the follower's copy must be the list.
"""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
from confluent_kafka import Producer

from bench.load import accepted, device_of, one_each, request_of
from bench.load import send as publish_all
from bench.read_side import signed_in
from fdt.brokers.finding import choose_broker
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import free_port
from fdt.settings import Settings
from firmware_tracking_client import AuthenticatedClient
from firmware_tracking_client.api.service_requests import read_request
from firmware_tracking_client.errors import UnexpectedStatus
from firmware_tracking_client.models import Item, RequestAnswer
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.topics import CSP_EVENTS
from tests.support.processes import running

CODES: Final = ("APPROVED", "N60", "N61")
BETWEEN_KILLS_S: Final = (8.0, 20.0)
AWAY_S: Final = 60.0
"""How long a reader waits for a read side that was killed."""


class Programs:
    """Two workers and a read side; one of them is killed now and then, and started again."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        self.port = free_port()
        self.kills = dict.fromkeys(("worker-0", "worker-1", "read-side"), 0)
        self._stacks: dict[str, ExitStack] = {}
        self._processes: dict[str, Any] = {}

    def start(self, name: str) -> None:
        """A program of that name, with the data it had."""
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self._bootstrap,
            "FDT_DATA_DIR": str(self._folder / "data"),
            "FDT_WORKER_NAME": name,
            "FDT_API_PORT": str(self.port),
            "FDT_SEARCHES_PER_MINUTE": "10000000",
        }
        command = "serve" if name == "read-side" else "process"
        stack = self._stacks[name] = ExitStack()
        log = self._folder / f"{name}.log"
        self._processes[name] = stack.enter_context(running(command, log=log, **environment))

    def kill(self, name: str) -> None:
        """SIGKILL, then a new one."""
        self._processes[name].send_signal(signal.SIGKILL)
        self._processes[name].wait(30)
        self._stacks[name].close()
        self.kills[name] += 1
        self.start(name)

    def stop(self) -> None:
        """All, in order."""
        for stack in self._stacks.values():
            stack.close()


class Reader(threading.Thread):
    """Something that asks again and again; its failure is the run's."""

    def __init__(self, client: AuthenticatedClient, request: str, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.request = request
        self.over = over
        self.failure: BaseException | None = None
        self.rounds = 0

    def run(self) -> None:
        """Rounds until it is over."""
        try:
            while not self.over.is_set():
                self.round()
                self.rounds += 1
        except BaseException as error:
            self.failure = error

    def round(self) -> None:
        """One of them."""
        raise NotImplementedError

    def pages(self, **wanted: str) -> Iterator[RequestAnswer]:
        """All pages, each asked for until it is answered."""
        cursor: str | None = None
        while True:
            page = self._page(cursor=cursor, **wanted)
            yield page
            if page.next_cursor is None:
                return
            cursor = page.next_cursor

    def _page(self, **wanted: Any) -> RequestAnswer:
        deadline = time.monotonic() + AWAY_S
        while True:
            try:
                found = read_request.sync(self.request, client=self.client, limit=500, **wanted)
                if isinstance(found, RequestAnswer):
                    return found
                said = str(found)
            except (httpx.TransportError, UnexpectedStatus) as error:
                said = repr(error)
            if time.monotonic() > deadline:
                raise RuntimeError(f"no answer in {AWAY_S:g} s: {said}")
            time.sleep(0.1)


class Walker(Reader):
    """Every item that is held throughout is on exactly one page."""

    devices: frozenset[str] = frozenset()

    def round(self) -> None:
        """One walk."""
        found = [item.device_id for page in self.pages() for item in page.items]
        if len(found) != len(set(found)):
            raise AssertionError("an item was on two pages")
        if missing := self.devices - set(found):
            raise AssertionError(f"{len(missing)} items were on no page, first {min(missing)}")


class Follower(Reader):
    """A copy that is kept by what has changed since."""

    copy: dict[str, Item]
    since: str | None = None
    listed = 0

    def round(self) -> None:
        """The whole list at first, then the changes."""
        wanted = {} if self.since is None else {"changed_since": self.since}
        pages = list(self.pages(**wanted))
        if self.since is None:
            self.copy = {}
        self.since = pages[0].changes_cursor
        for page in pages:
            self.listed += len(page.items)
            self.copy |= {item.device_id: item for item in page.items}
        time.sleep(0.5)


def _events(devices: list[str], rng: random.Random) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of events that change an item each."""
    codec = Codec()
    while True:
        number = rng.randrange(len(devices))
        told = accepted(number)
        event = {
            "event_id": str(uuid.UUID(int=rng.getrandbits(128))),
            "service_request_id": told["service_request_id"],
            "device_id": told["device_id"],
            "device_type": "ESME",
            "firmware_version": told["firmware_version"],
            "csp_region": "North",
            "comms_hub_id": None,
            "code": rng.choice(CODES),
            "detail": None,
            "occurred_at": round(time.time() * 1000),
        }
        yield devices[number].encode(), codec.encode("CspEvent", event)


def _flow(bootstrap: str, devices: list[str], rate: float, seconds: float) -> int:
    """So many events a second, for so long; how many there were."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": PRODUCER_PARTITIONER,
            "enable.idempotence": True,
            "linger.ms": 5,
        }
    )
    began, sent = time.monotonic(), 0
    for key, value in _events(devices, random.Random(16)):
        while sent > (time.monotonic() - began) * rate:
            producer.poll(0.01)
        if time.monotonic() - began > seconds:
            break
        producer.produce(CSP_EVENTS, value, key)
        sent += 1
    assert producer.flush(60) == 0
    return sent


def _until(done: Callable[[], bool], what: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not in {seconds:g} s: {what}")
        time.sleep(0.5)


def walk(bootstrap: str, folder: Path, items: int, rate: float, minutes: float) -> None:
    """The whole run; raises for whatever was promised and did not hold."""
    assert ensure_topics(bootstrap, specs_of(Settings())) == []
    publish_all(bootstrap, one_each(items))
    programs = Programs(bootstrap, folder)
    token = signed_in(folder / "data")["Authorization"].removeprefix("Bearer ")
    over = threading.Event()
    request, devices = request_of(0), [device_of(n) for n in range(items)]
    try:
        for name in programs.kills:
            programs.start(name)
        client = AuthenticatedClient(
            base_url=f"http://127.0.0.1:{programs.port}",
            token=token,
            timeout=httpx.Timeout(30),
            raise_on_unexpected_status=True,
        )
        first, follower = Walker(client, request, over), Follower(client, request, over)
        _until(lambda: sum(len(page.items) for page in first.pages()) == items, "all are shown")
        first.devices = frozenset(devices)
        for reader in (first, follower):
            reader.start()
        published = _killing(
            programs, lambda: _flow(bootstrap, devices, rate, minutes * 60), (first, follower)
        )
        over.set()
        for reader in (first, follower):
            reader.join(AWAY_S * 2)
            if reader.failure is not None:
                raise reader.failure
        same = _compared(first, follower, programs.port)
    finally:
        programs.stop()
    print(
        f"{published:,} events in {minutes:g} min ({published / minutes / 60:,.0f} a second), "
        f"kills {programs.kills}; {first.rounds} walks of {items:,} items, none twice, none "
        f"missing; {follower.rounds} rounds of changes, {follower.listed:,} items listed, "
        f"the copy is the list ({same:,} items)"
    )


def _killing(programs: Programs, flow: Callable[[], int], readers: tuple[Reader, ...]) -> int:
    """Kill one program after the other while the events flow."""
    published: list[int] = []
    flowing = threading.Thread(target=lambda: published.append(flow()), daemon=True)
    flowing.start()
    rng = random.Random(61)
    due = time.monotonic() + rng.uniform(*BETWEEN_KILLS_S)
    while flowing.is_alive():
        time.sleep(0.2)
        for reader in readers:
            if reader.failure is not None:
                raise reader.failure
        if time.monotonic() >= due:
            programs.kill(rng.choice(list(programs.kills)))
            due = time.monotonic() + rng.uniform(*BETWEEN_KILLS_S)
    return published[0]


def _compared(walker: Walker, follower: Follower, port: int) -> int:
    """The copy after one more round is the list, item by item."""

    def read_to_the_end() -> bool:
        try:
            told = httpx.get(f"http://127.0.0.1:{port}/readyz").json()
        except httpx.TransportError:
            return False
        waiting = told.get("waiting_events"), told.get("freshness", {}).get("lag_events")
        return waiting == (0, 0)

    _until(read_to_the_end, "everything is folded and shown")
    follower.round()
    listed = {item.device_id: item for page in walker.pages() for item in page.items}
    if listed != follower.copy:
        wrong = [device for device, item in listed.items() if follower.copy.get(device) != item]
        raise AssertionError(f"{len(wrong)} items of the copy are not as listed: {wrong[:3]}")
    return len(listed)


def main() -> None:
    """On a broker of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.walk")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--rate", type=float, default=2_000.0, help="events a second")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fdt-walk-") as name:
        broker = choose_broker(Settings(), for_tests=True, folder=Path(name) / "kafka")
        broker.start()
        try:
            walk(broker.bootstrap_servers, Path(name), given.items, given.rate, given.minutes)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
