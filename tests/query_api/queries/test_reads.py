"""One answer is of one moment, while the feed goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from query_api.identity.access import Caller, Role
from query_api.queries.reads import Filters, NotReady, PageQuery
from schemas.identifiers import ServiceRequestId
from storage.rocks import RocksStore
from tests.query_api.world import (
    ALPHA,
    T0,
    World,
    accepted,
    approved,
    device_id,
    new_view,
    request_id,
)

R1 = request_id(1)
REQUEST = ServiceRequestId(R1)
CALLER = Caller("alice", frozenset([ALPHA]), frozenset([Role.SUPPLIER]))
DEVICES = 50
ROUNDS = 150


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world on disk."""
    view = new_view(RocksStore(tmp_path, write_buffer_mb=1))
    yield World(view=view)
    view.close()


def test_items_counters_and_freshness_of_an_answer_agree(world: World) -> None:
    """I6: every batch moves all devices at once, and no reader ever sees some of them moved."""
    stop = threading.Event()
    wrong: list[object] = []

    def write() -> None:
        for number in range(ROUNDS):
            more = number % 2 == 1
            rows = {
                device_id(n): [accepted(R1)] + ([approved(R1, offset=1, at=T0 + 1)] if more else [])
                for n in range(DEVICES if more else DEVICES // 2)
            }
            gone = {} if more else {device_id(n): None for n in range(DEVICES // 2, DEVICES)}
            world.put({**rows, **gone}, seen_at=T0 + 60_000 + number)
        stop.set()

    def read() -> None:
        reads = world.services().reads
        while not stop.is_set():
            with reads.snapshot() as snapshot:
                page = snapshot.page(CALLER, PageQuery(REQUEST, Filters(), 500, None))
                again = list(snapshot.items(CALLER, REQUEST, Filters()))
            statuses = {item.status.label for item in page.items}
            odd = (page.freshness.as_of or 0) % 2 == 1
            expected = (DEVICES, {"Approved for Distribution"})
            if not odd:
                expected = (DEVICES // 2, {"Accepted by DSP"})
            if (len(page.items), statuses) != expected or again != page.items:
                wrong.append((len(page.items), statuses, page.freshness))
            if sum(page.counts.values()) != len(page.items):
                wrong.append(page.counts)

    world.put({device_id(n): [accepted(R1)] for n in range(DEVICES // 2)})
    threads = [threading.Thread(target=job) for job in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_read_before_the_view_has_caught_up() -> None:
    """I11, for screens as for the API."""
    world = World(ready=False)
    with pytest.raises(NotReady), world.services().reads.snapshot():
        pass
