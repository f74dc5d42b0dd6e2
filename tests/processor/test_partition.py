"""One partition through crashes, fences and lost disks, with log and disk in memory."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from processor.batch import Batch, Frame
from processor.ledger import LEDGER_KEY
from processor.log import Fenced
from processor.partition import FrameLost, Partition
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.state import decode_row
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import CONTROL_KEY, CSP_EVENTS, DAY_MS, DSP_EVENTS, SOURCE_TOPICS
from tests.processor.simulated import Broker, Crash, SimulatedLog, SimulatedStores
from tests.support.events import dsp_event

PARTITIONS = 4
CODEC = Codec()
NOW = 1_795_000_000_000
DEVICES = [
    device
    for device in (f"00-DB-12-34-56-78-90-{n:02X}" for n in range(256))
    if partition_of(device, PARTITIONS) == 0
]
STRANGER = next(
    device
    for device in (f"00-DB-12-34-56-78-90-{n:02X}" for n in range(256))
    if partition_of(device, PARTITIONS) == 1
)


@dataclass
class Record:
    """A source record."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int = NOW
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Bench:
    """A broker and disks that outlive the partition's processes."""

    broker: Broker = field(default_factory=Broker)
    stores: SimulatedStores = field(default_factory=SimulatedStores)
    topic_ids: dict[str, str] = field(default_factory=lambda: defaultdict(lambda: "first"))

    def start(self) -> tuple[Partition, SimulatedLog]:
        """A new process that owns partition 0."""
        log = SimulatedLog(self.broker)
        partition = Partition(
            0,
            PARTITIONS,
            stores=self.stores,
            log=log,
            reader=Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS),
            codec=CODEC,
            topic_ids=lambda: self.topic_ids,
            worker="test",
        )
        partition.resume()
        return partition, log

    def rows(self) -> dict[bytes, bytes]:
        """The table on disk."""
        return dict(self.stores.held[0].scan(b"d"))

    def logged_rows(self) -> dict[bytes, bytes]:
        """The table as the status topic has it."""
        latest = {r.key: r.value for r in self.broker.status if r.key != CONTROL_KEY}
        return {
            b"d" + key: CODEC.decode("FirmwareStatus", value)["state"]
            for key, value in latest.items()
        }


def accepted(device: str, offset: int) -> Record:
    """The DSP accepted a device."""
    event = dsp_event(
        event_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{device}/{offset}")),
        device_id=device,
        occurred_at=NOW - 1000,
    )
    return Record(device.encode(), CODEC.encode("DspEvent", event), offset)


def batch(*records: Record, start: int | None = None, topic: str = DSP_EVENTS) -> Batch:
    """One frame of the DSP's topic."""
    first = records[0].offset if start is None else start
    return Batch(0, (Frame(topic, first, records),), {})


def test_a_batch_is_in_the_log_and_on_disk_with_its_position() -> None:
    """Rows, control record and ledger say the same after one batch."""
    bench = Bench()
    partition, _ = bench.start()
    partition.process(batch(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    assert len(bench.rows()) == 2
    assert bench.rows() == bench.logged_rows()
    assert partition.ledger.next_offset(DSP_EVENTS) == 2
    assert partition.ledger.counts == {"read": 2, "folded": 2, "dead_lettered": 0}
    assert partition.ledger.rows == 2


def test_a_crash_before_the_transaction_leaves_nothing_and_the_batch_comes_again() -> None:
    """Neither log nor disk holds a part of a batch that was not committed."""
    bench = Bench()
    partition, log = bench.start()
    log.die_before = True
    with pytest.raises(Crash):
        partition.process(batch(accepted(DEVICES[0], 0)))
    assert bench.rows() == {}
    again, _ = bench.start()
    assert again.ledger.next_offset(DSP_EVENTS) == 0


def test_a_crash_between_log_and_disk_is_made_good_from_the_log() -> None:
    """A committed batch whose WriteBatch never happened is read from the status topic, not
    folded."""
    bench = Bench()
    partition, log = bench.start()
    log.die_after = True
    with pytest.raises(Crash):
        partition.process(batch(accepted(DEVICES[0], 0)))
    assert bench.rows() == {}
    again, _ = bench.start()
    assert again.ledger.next_offset(DSP_EVENTS) == 1
    assert bench.rows() == bench.logged_rows() != {}
    assert again.ledger.rows == 1


def test_a_lost_disk_is_rebuilt_from_the_status_topic() -> None:
    """The status topic is the whole state, and says where the events go on."""
    bench = Bench()
    partition, _ = bench.start()
    partition.process(batch(*(accepted(device, n) for n, device in enumerate(DEVICES[:5]))))
    before, ledger = bench.rows(), partition.ledger
    bench.stores.held.clear()
    again, _ = bench.start()
    assert bench.rows() == before
    assert again.ledger.counts == ledger.counts
    assert again.ledger.positions == ledger.positions
    assert again.ledger.rows == 5


def test_the_former_owner_can_write_neither_log_nor_disk() -> None:
    """A fenced owner fails, and its batch changes nothing (invariant I5)."""
    bench = Bench()
    zombie, _ = bench.start()
    bench.start()
    before = list(bench.broker.status)
    with pytest.raises(Fenced):
        zombie.process(batch(accepted(DEVICES[0], 0)))
    assert bench.broker.status == before
    assert bench.rows() == {}


def test_records_covered_already_are_not_folded_again() -> None:
    """A frame that overlaps what is covered counts only for its new records."""
    bench = Bench()
    partition, _ = bench.start()
    partition.process(batch(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    partition.process(batch(accepted(DEVICES[1], 1), accepted(DEVICES[2], 2)))
    assert partition.ledger.counts["read"] == 3


def test_a_lost_frame_stops_the_partition() -> None:
    """Records between two frames are never skipped silently."""
    partition, _ = Bench().start()
    with pytest.raises(
        FrameLost, match=r"firmware\.dsp\.v1\[0\]: a frame begins at 4, covered is 0"
    ):
        partition.process(batch(accepted(DEVICES[0], 4)))


def test_offsets_may_have_holes_within_the_chain_of_frames() -> None:
    """Transaction markers and deleted records take offsets and bring nothing."""
    partition, _ = Bench().start()
    partition.process(batch(accepted(DEVICES[0], 3), accepted(DEVICES[1], 9), start=0))
    assert partition.ledger.next_offset(DSP_EVENTS) == 10
    assert partition.ledger.counts["read"] == 2


def test_a_topic_created_anew_is_read_from_its_beginning() -> None:
    """Another topic id means that the offsets begin again; the other topics keep their places."""
    bench = Bench()
    partition, _ = bench.start()
    partition.process(batch(accepted(DEVICES[0], 0)))
    bench.topic_ids[CSP_EVENTS] = "second"
    assert bench.start()[0].ledger.next_offset(DSP_EVENTS) == 1
    bench.topic_ids[DSP_EVENTS] = "second"
    assert bench.start()[0].ledger.next_offset(DSP_EVENTS) == 0


def test_a_store_of_another_layout_is_set_aside_and_rebuilt() -> None:
    """An old layout is rebuilt, not misread."""
    bench = Bench()
    partition, _ = bench.start()
    partition.process(batch(accepted(DEVICES[0], 0)))
    before = bench.rows()
    bench.stores.held[0].write({LEDGER_KEY: b"\x00", b"d" + b"old": b"\x00junk"})
    again, _ = bench.start()
    assert bench.stores.aside
    assert bench.rows() == before
    assert again.ledger.rows == 1


def test_a_store_ahead_of_the_log_is_set_aside() -> None:
    """A status topic that holds less than the disk claims is the truth."""
    bench = Bench()
    partition, _ = bench.start()
    partition.process(batch(accepted(DEVICES[0], 0)))
    bench.broker.status.clear()
    again, _ = bench.start()
    assert bench.stores.aside
    assert bench.rows() == {}
    assert again.ledger.next_offset(DSP_EVENTS) == 0


def test_bad_records_go_to_the_dead_letters_with_bytes_place_and_reason() -> None:
    """The partition goes on, and the counts add up (invariant I7)."""
    bench = Bench()
    partition, _ = bench.start()
    bad = Record(b"key", b"\x01not framed", 1, NOW + 5, [("trace", b"7")])
    partition.process(batch(accepted(DEVICES[0], 0), bad, accepted(STRANGER, 2)))
    first, second = bench.broker.dead
    assert (first.key, first.value) == (b"key", b"\x01not framed")
    assert first.headers is not None
    headers = dict(first.headers)
    assert headers.pop("dl_detail")
    assert headers == {
        "trace": b"7",
        "dl_topic": b"firmware.dsp.v1",
        "dl_partition": b"0",
        "dl_offset": b"1",
        "dl_timestamp": str(NOW + 5).encode(),
        "dl_reason": b"bad-framing",
    }
    assert dict(second.headers or [])["dl_reason"] == b"wrong-partition"
    assert partition.ledger.counts == {"read": 3, "folded": 1, "dead_lettered": 2}
    assert partition.ledger.next_offset(DSP_EVENTS) == 3


def test_a_silent_partition_still_tells_the_time() -> None:
    """Idle and read to their ends, the topics count as the broker's present time (design §7)."""
    bench = Bench()
    partition, _ = bench.start()
    ends = dict.fromkeys(SOURCE_TOPICS.values(), 0)
    partition.keep_alive(ends)
    bench.broker.now += 60_000
    partition.keep_alive(ends)
    assert partition.ledger.partition_time == bench.broker.now - 60_000
    assert bench.broker.status[-1].key == CONTROL_KEY


def test_a_topic_that_lags_holds_the_partition_time_back() -> None:
    """What is due may only follow what was read."""
    bench = Bench()
    partition, _ = bench.start()
    ends = dict.fromkeys(SOURCE_TOPICS.values(), 0)
    partition.keep_alive(ends)
    bench.broker.now += DAY_MS
    partition.keep_alive(ends)
    read = Batch(0, batch(accepted(DEVICES[0], 0)).frames, {**ends, DSP_EVENTS: 500})
    partition.process(read)
    assert partition.ledger.partition_time == NOW


def test_a_row_is_written_once_for_a_batch_however_many_events_it_took() -> None:
    """One pass over the batch, one record for each changed row."""
    bench = Bench()
    partition, _ = bench.start()
    partition.process(batch(*(accepted(DEVICES[0], n) for n in range(10))))
    assert [r.key for r in bench.broker.status] == [DEVICES[0].encode(), CONTROL_KEY]
    (row,) = bench.rows().values()
    assert len(decode_row(row).items[0].records.kept) == 10
