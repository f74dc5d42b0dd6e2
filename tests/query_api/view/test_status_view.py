"""The view: whatever is applied, index and counters are what the rows say."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from projections.lifecycle import Status
from projections.rows import ForeignLayout
from projections.state import Report
from query_api.view.layout import (
    Counts,
    counts_key,
    decode_entry,
    decode_held,
    decode_request_counts,
    device_key,
    entry_head,
    request_prefix,
)
from query_api.view.status_view import Batch, Control, Covered, View, index_entries, marks
from schemas.identifiers import DeviceId
from storage.rocks import RocksStore
from storage.store import MemoryStore, Store
from tests.query_api.world import (
    T0,
    accepted,
    approved,
    batch,
    delivered,
    device_id,
    new_view,
    rejected,
    request_id,
    reset,
    state,
)

R1, R2 = request_id(1), request_id(2)
D1, D2 = device_id(1), device_id(2)

MakeStore = Callable[[], Store]


@pytest.fixture(params=["memory", "rocks"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Makes an empty store of either kind."""
    made: list[Store] = []

    def make() -> Store:
        if request.param == "memory":
            made.append(MemoryStore())
        else:
            made.append(RocksStore(tmp_path / str(len(made)), write_buffer_mb=1))
        return made[-1]

    yield make
    for store in made:
        store.close()


def entries(view: View, request: str) -> dict[str, int]:
    """Device -> status of the index entries of a request."""
    prefix = request_prefix(request)
    with view.snapshot() as reading:
        return {
            key[len(prefix) :].decode(): entry_head(value)[0] for key, value in reading.scan(prefix)
        }


def counts(view: View, request: str) -> Counts:
    """Stored counts of a request."""
    with view.snapshot() as reading:
        kept = decode_request_counts(reading.get(counts_key(request)))
    return {} if kept is None else kept.statuses


def oldest(view: View, request: str) -> int | None:
    """Before which no evidence of a request was received."""
    with view.snapshot() as reading:
        kept = decode_request_counts(reading.get(counts_key(request)))
    return None if kept is None else kept.oldest


def test_an_accepted_device_is_found_by_device_and_by_request(make_store: MakeStore) -> None:
    """One row becomes a device, an index entry, a count of its request and a total."""
    view = new_view(make_store())
    row = state([accepted(R1, offset=7)])
    view.apply(batch({D1: row}, next_offset=2))
    assert entries(view, R1) == {D1: Status.ACCEPTED_BY_DSP}
    assert counts(view, R1) == {Status.ACCEPTED_BY_DSP: 1}
    assert view.totals() == {Status.ACCEPTED_BY_DSP: 1}
    with view.snapshot() as reading:
        held = reading.get(device_key(D1))
        value = reading.get(request_prefix(R1) + D1.encode())
    assert held is not None
    assert decode_held(held).state == row
    assert value is not None
    entry = decode_entry(value)
    assert (entry.device_type, entry.version, entry.evidence.offset) == ("ESME", "0002012F", 7)


def test_a_new_status_moves_the_counters(make_store: MakeStore) -> None:
    """An update replaces the entry and moves one item from one status to another."""
    view = new_view(make_store())
    view.apply(batch({D1: state([accepted(R1)]), D2: state([accepted(R1)])}, next_offset=3))
    later = state([accepted(R1), approved(R1, offset=1, at=T0 + 1)])
    view.apply(batch({D1: later}, next_offset=5))
    assert entries(view, R1) == {
        D1: Status.APPROVED_FOR_DISTRIBUTION,
        D2: Status.ACCEPTED_BY_DSP,
    }
    assert counts(view, R1) == {
        Status.ACCEPTED_BY_DSP: 1,
        Status.APPROVED_FOR_DISTRIBUTION: 1,
    }
    assert view.totals() == counts(view, R1)


def test_the_oldest_evidence_of_a_request_is_known(make_store: MakeStore) -> None:
    """It falls with a record sent again, though no counter moves, and is forgotten with the
    request."""
    view = new_view(make_store())
    first = accepted(R1, at=T0 + 9)
    view.apply(batch({D1: state([first]), D2: state([accepted(R1, at=T0 + 20)])}, next_offset=2))
    assert oldest(view, R1) == first.received_at
    earlier = accepted(R1, at=T0)
    view.apply(batch({D2: state([earlier])}, next_offset=4))
    assert oldest(view, R1) == earlier.received_at
    view.apply(batch({D1: None, D2: None}, next_offset=6))
    assert oldest(view, R1) is None
    view.apply(batch({D1: state([first])}, next_offset=8))
    assert oldest(view, R1) == first.received_at


def test_an_item_that_vanished_leaves_no_entry(make_store: MakeStore) -> None:
    """A row that lost one of its items loses that one's entry and count, and no other."""
    view = new_view(make_store())
    view.apply(batch({D1: state([accepted(R1), rejected(R2, offset=1)])}, next_offset=2))
    view.apply(batch({D1: state([rejected(R2, offset=1)])}, next_offset=4))
    assert entries(view, R1) == {}
    assert counts(view, R1) == {}
    assert entries(view, R2) == {D1: Status.REJECTED_BY_DSP}
    assert view.totals() == {Status.REJECTED_BY_DSP: 1}


def test_a_tombstone_removes_everything_of_a_device(make_store: MakeStore) -> None:
    """After a tombstone nothing of the device is on disk; a second one changes nothing."""
    view = new_view(make_store())
    view.apply(batch({D1: state([accepted(R1), accepted(R2, offset=1)])}, next_offset=2))
    for offset in (3, 4):
        view.apply(batch({D1: None}, next_offset=offset))
    with view.snapshot() as reading:
        left = [key for prefix in (b"d", b"r", b"c") for key, _ in reading.scan(prefix)]
    assert left == []
    assert view.totals() == {}


def test_a_tombstone_for_an_unknown_device_is_nothing(make_store: MakeStore) -> None:
    """Compaction may leave a tombstone whose row was never seen."""
    view = new_view(make_store())
    view.apply(batch({D1: None}, next_offset=9))
    assert view.totals() == {}
    assert view.next_offsets() == {0: 9}


def test_an_item_of_unknown_type_is_held_and_not_listed() -> None:
    """Rule 8: opened by a CSP event alone, the item waits for the DSP to tell its type."""
    assert index_entries(state([approved(R1)])) == {}
    assert list(index_entries(state([approved(R1), accepted(R1, offset=1)]))) == [R1]


def test_a_row_of_another_layout_changes_nothing(make_store: MakeStore) -> None:
    """A row that this version cannot read stops the feed, and the batch is not half applied."""
    view = new_view(make_store())
    with pytest.raises(ForeignLayout):
        view.apply(batch({D2: state([accepted(R1)]), D1: b"\xff"}, next_offset=2))
    assert view.next_offsets() == {0: 0}
    assert view.totals() == {}
    assert entries(view, R1) == {}


def test_freshness_is_kept_by_partition(make_store: MakeStore) -> None:
    """A control record tells a partition's freshness; a batch without one only moves the offset."""
    view = new_view(make_store(), partitions=2)
    view.apply(Batch({}, {1: Control(T0, T0 - 5, {"dsp": T0 - 9})}, {1: Covered(4, T0)}))
    view.apply(Batch({}, {}, {1: Covered(6, T0 + 50)}))
    with view.snapshot() as reading:
        stored = marks(reading)
    assert stored == view.marks()
    assert stored[0].as_of is None
    assert stored[0].next_offset == 0
    mark = stored[1]
    assert (mark.next_offset, mark.seen_at, mark.as_of) == (6, T0 + 50, T0)
    assert (mark.partition_time, mark.last_received) == (T0 - 5, {"dsp": T0 - 9})


def test_a_snapshot_does_not_see_later_batches(make_store: MakeStore) -> None:
    """I6: whatever is read for one answer stands at one applied offset."""
    view = new_view(make_store())
    view.apply(batch({D1: state([accepted(R1)])}, next_offset=2))
    with view.snapshot() as reading:
        view.apply(batch({D1: None}, next_offset=4))
        assert reading.get(device_key(D1)) is not None
        assert [key for key, _ in reading.scan(request_prefix(R1))]
        kept = decode_request_counts(reading.get(counts_key(R1)))
        assert kept is not None
        assert kept.statuses == {Status.ACCEPTED_BY_DSP: 1}
        assert marks(reading)[0].next_offset == 2


def test_a_view_goes_on_where_it_stood(tmp_path: Path) -> None:
    """After a restart totals, freshness and offsets are those of the last batch."""
    store = RocksStore(tmp_path, write_buffer_mb=1)
    view = new_view(store)
    view.apply(batch({D1: state([accepted(R1)])}, next_offset=12))
    before = (view.totals(), view.marks(), view.next_offsets())
    view.close()
    again = View(RocksStore(tmp_path, write_buffer_mb=1))
    assert (again.totals(), again.marks(), again.next_offsets()) == before
    again.apply(batch({D1: None}, next_offset=14))
    assert again.totals() == {}
    again.close()


def any_row(dice: random.Random) -> bytes | None:
    """A tombstone, or a row of some requests at some stage and reports without a request."""
    if dice.random() < 0.2:
        return None
    reports: list[Report] = []
    for number in dice.sample(range(1, 6), dice.randint(0, 3)):
        at = T0 + dice.randint(0, 10_000)
        opening = dice.choice([accepted, rejected, approved])
        reports.append(opening(request_id(number), offset=len(reports), at=at))
    if dice.random() < 0.5:
        reports.append(delivered(offset=len(reports), at=T0 + 20_000))
    if dice.random() < 0.2:
        reports.append(reset(request_id(dice.randint(1, 5)), offset=len(reports), at=T0 + 30_000))
    return state(reports)


@pytest.mark.parametrize("seed", range(5))
def test_index_and_counters_always_follow_the_rows(seed: int, make_store: MakeStore) -> None:
    """After any batches the index is what the rows held say, and every counter is a count of it."""
    dice = random.Random(seed)
    view, held = new_view(make_store()), dict[DeviceId, bytes]()
    for number in range(1, 40):
        rows = {device_id(dice.randint(1, 25)): any_row(dice) for _ in range(dice.randint(1, 8))}
        view.apply(batch(rows, next_offset=number))
        for device, row in rows.items():
            held.pop(device, None)
            if row is not None:
                held[device] = row
    expected: dict[str, dict[str, int]] = {request_id(number): {} for number in range(1, 6)}
    received: dict[str, list[int]] = {request: [] for request in expected}
    for device, row in held.items():
        for request, entry in index_entries(row).items():
            expected[request][device] = entry.evidence.status
            received[request].append(entry.evidence.received_at)
    totals: Counter[int] = Counter()
    for request, by_device in expected.items():
        assert entries(view, request) == by_device
        assert counts(view, request) == Counter(by_device.values())
        least = oldest(view, request)
        assert all(least is not None and least <= at for at in received[request])
        totals.update(by_device.values())
    assert view.totals() == totals
