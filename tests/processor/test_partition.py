"""One partition through crashes, fences and lost disks, with log and disk in memory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

import pytest

from processor.batch import Batch, Chain, Frame
from processor.ledger import LEDGER_KEY
from processor.log import Fenced
from processor.partition import FrameLost, Partition
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.state import decode_row
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import (
    CONTROL_KEY,
    CSP_EVENTS,
    DAY_MS,
    DSP_EVENTS,
    SOURCE_TOPICS,
    STATUS,
)
from tests.simulation.broker import START_MS, Broker, Record, SimulatedLog, SimulatedTopics
from tests.simulation.disk import Disk, NothingNoted, SimulatedStores
from tests.simulation.process import Crash
from tests.support.events import dsp_event

PARTITIONS = 4
CODEC = Codec()
NOW = START_MS
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
class Bench:
    """A broker and a disk that outlive the partition's processes."""

    broker: Broker = field(default_factory=Broker)
    disk: Disk = field(default_factory=Disk)
    dies_at: str = ""
    """The write point at which the process dies."""

    def start(self) -> Partition:
        """A new process that owns partition 0."""
        partition = Partition(
            0,
            PARTITIONS,
            stores=SimulatedStores(self.disk, self.reach),
            log=SimulatedLog(self.broker, 0, self.reach),
            reader=Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS),
            codec=CODEC,
            topics=SimulatedTopics(self.broker),
            worker="test",
            in_hand=NothingNoted(),
        )
        partition.resume()
        return partition

    def reach(self, point: str) -> None:
        """Where a crash may be wanted."""
        if point == self.dies_at:
            self.dies_at = ""
            raise Crash

    def put(self, *records: Record, topic: str = DSP_EVENTS) -> Batch:
        """Source records on the broker, as a batch of one frame."""
        self.broker.sources[topic, 0].extend(records)
        return batch(*records, topic=topic)

    def rows(self) -> dict[bytes, bytes]:
        """The table on disk."""
        return dict(self.disk.folders[0].content().scan(b"d"))

    def logged_rows(self) -> dict[bytes, bytes]:
        """The table as the status topic has it."""
        latest = {r.key: r.value for r in self.broker.status[0].records if r.key != CONTROL_KEY}
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
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    assert len(bench.rows()) == 2
    assert bench.rows() == bench.logged_rows()
    assert partition.ledger.next_offset(DSP_EVENTS) == 2
    assert partition.ledger.counts == {"read": 2, "folded": 2, "dead_lettered": 0}
    assert partition.ledger.rows == 2


def test_a_crash_before_the_transaction_leaves_nothing_and_the_batch_comes_again() -> None:
    """Neither log nor disk holds a part of a batch that was not committed."""
    bench = Bench()
    partition = bench.start()
    bench.dies_at = "append: before"
    with pytest.raises(Crash):
        partition.process(bench.put(accepted(DEVICES[0], 0)))
    assert bench.rows() == {}
    again = bench.start()
    assert again.ledger.next_offset(DSP_EVENTS) == 0


def test_a_crash_between_log_and_disk_is_made_good_from_the_log() -> None:
    """A committed batch whose WriteBatch never happened is read from the status topic, not
    folded."""
    bench = Bench()
    partition = bench.start()
    bench.dies_at = "append: answered"
    with pytest.raises(Crash):
        partition.process(bench.put(accepted(DEVICES[0], 0)))
    assert bench.rows() == {}
    again = bench.start()
    assert again.ledger.next_offset(DSP_EVENTS) == 1
    assert bench.rows() == bench.logged_rows() != {}
    assert again.ledger.rows == 1


def test_a_lost_disk_is_rebuilt_from_the_status_topic() -> None:
    """The status topic is the whole state, and says where the events go on."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(*(accepted(device, n) for n, device in enumerate(DEVICES[:5]))))
    before, ledger = bench.rows(), partition.ledger
    bench.disk.folders.clear()
    again = bench.start()
    assert bench.rows() == before
    assert again.ledger.counts == ledger.counts
    assert again.ledger.positions == ledger.positions
    assert again.ledger.rows == 5


def test_the_former_owner_can_write_neither_log_nor_disk() -> None:
    """A fenced owner fails, and its batch changes nothing (invariant I5)."""
    bench = Bench()
    zombie = bench.start()
    bench.start()
    before = list(bench.broker.status[0].records)
    with pytest.raises(Fenced):
        zombie.process(batch(accepted(DEVICES[0], 0)))
    assert bench.broker.status[0].records == before
    assert bench.rows() == {}


def test_records_covered_already_are_not_folded_again() -> None:
    """A frame that overlaps what is covered counts only for its new records."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    partition.process(batch(accepted(DEVICES[1], 1), accepted(DEVICES[2], 2)))
    assert partition.ledger.counts["read"] == 3


def test_a_lost_frame_stops_the_partition() -> None:
    """Records between two frames are never skipped silently."""
    partition = Bench().start()
    with pytest.raises(
        FrameLost, match=r"firmware\.dsp\.v1\[0\]: a frame begins at 4, covered is 0"
    ):
        partition.process(batch(accepted(DEVICES[0], 4)))


def test_offsets_may_have_holes_within_the_chain_of_frames() -> None:
    """Transaction markers and deleted records take offsets and bring nothing."""
    partition = Bench().start()
    partition.process(batch(accepted(DEVICES[0], 3), accepted(DEVICES[1], 9), start=0))
    assert partition.ledger.next_offset(DSP_EVENTS) == 10
    assert partition.ledger.counts["read"] == 2


def test_a_topic_created_anew_is_read_from_its_beginning() -> None:
    """Another topic id means that the offsets begin again; the other topics keep their places."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    bench.broker.topic_ids[CSP_EVENTS] = "second"
    assert bench.start().ledger.next_offset(DSP_EVENTS) == 1
    bench.broker.topic_ids[DSP_EVENTS] = "second"
    assert bench.start().ledger.next_offset(DSP_EVENTS) == 0


def test_a_store_of_another_layout_is_set_aside_and_rebuilt() -> None:
    """An old layout is rebuilt, not misread."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    before = bench.rows()
    bench.disk.folders[0].log.append({LEDGER_KEY: b"\x00", b"d" + b"old": b"\x00junk"})
    again = bench.start()
    assert bench.disk.aside
    assert bench.rows() == before
    assert again.ledger.rows == 1


def test_a_store_ahead_of_the_log_is_set_aside() -> None:
    """A status topic that holds less than the disk claims is the truth."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    bench.broker.status.clear()
    again = bench.start()
    assert bench.disk.aside
    assert bench.rows() == {}
    assert again.ledger.next_offset(DSP_EVENTS) == 0


def test_an_emptied_status_topic_is_filled_again_from_the_store() -> None:
    """What the log lost is written again, in full, before anything is folded."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(*(accepted(device, n) for n, device in enumerate(DEVICES[:5]))))
    before, ledger = bench.rows(), partition.ledger
    bench.broker.empty_status(0)
    assert bench.logged_rows() == {}
    again = bench.start()
    assert bench.logged_rows() == bench.rows() == before
    assert again.ledger.positions == ledger.positions
    assert bench.disk.aside == []
    bench.disk.folders.clear()
    assert bench.start().ledger.positions == ledger.positions
    assert bench.rows() == before


def test_a_status_topic_created_anew_is_filled_again_from_the_store() -> None:
    """While nobody wrote to the new topic, the store is the newest there is."""
    bench = Bench()
    bench.start().process(bench.put(accepted(DEVICES[0], 0)))
    before = bench.rows()
    bench.broker.recreate(STATUS, "second")
    assert bench.start().ledger.next_offset(DSP_EVENTS) == 1
    assert bench.logged_rows() == bench.rows() == before


def test_a_log_and_a_store_that_are_both_lost_are_made_from_the_events_again() -> None:
    """A log that is not whole is told by its count of rows; then every event is read again."""
    bench = Bench()
    bench.start().process(bench.put(accepted(DEVICES[0], 0)))
    del bench.broker.status[0].records[0]  # the row, of which the control record tells
    bench.disk.folders.clear()
    partition = bench.start()
    assert partition.ledger.next_offset(DSP_EVENTS) == 0
    bench.disk.folders[0].log.pop()  # a lost suffix does not hide it
    assert bench.start().ledger.next_offset(DSP_EVENTS) == 0


def test_a_store_that_missed_a_tombstone_is_set_aside() -> None:
    """Older than the log keeps tombstones: the count of rows tells, and so does the age."""
    bench = Bench()
    bench.start().process(bench.put(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    old = list(bench.disk.folders[0].log)
    partition = bench.start()
    partition.keep_alive({})
    log = bench.broker.status[0]
    gone = DEVICES[0].encode()
    log.records = [r for r in log.records if r.key != gone]  # its tombstone went too
    control = CODEC.decode("ProcessorControl", log.records[-1].value)
    value = CODEC.encode("ProcessorControl", {**control, "rows": 1})
    log.records[-1] = replace(log.records[-1], value=value)
    bench.disk.folders[0].log = old
    partition = bench.start()
    assert bench.disk.aside == ["2 rows where the log counts 1"]
    assert set(bench.rows()) == {b"d" + DEVICES[1].encode()}
    assert partition.ledger.rows == 1


def test_a_store_older_than_tombstones_live_is_set_aside_though_its_rows_agree() -> None:
    """The log's own times tell: a wrong clock of the worker changes nothing."""
    bench = Bench()
    bench.start().process(bench.put(accepted(DEVICES[0], 0)))
    old = list(bench.disk.folders[0].log)
    partition = bench.start()
    bench.broker.now += bench.broker.tombstones_kept_ms + 1
    partition.keep_alive({})
    bench.disk.folders[0].log = old
    assert bench.start().ledger.next_offset(DSP_EVENTS) == 1
    assert bench.disk.aside == ["it is older than the log keeps tombstones"]


@pytest.mark.parametrize("damage", ["a block", "a row too few", "another layout"])
def test_a_store_that_does_not_read_whole_is_set_aside(damage: str) -> None:
    """Checksums, the count of rows and every row's version byte are looked at on opening."""
    bench = Bench()
    bench.start().process(bench.put(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    before, folder = bench.rows(), bench.disk.folders[0]
    if damage == "a block":
        folder.damaged = True
    else:
        lost = None if damage == "a row too few" else b"\x00row"
        folder.log.append({b"d" + DEVICES[0].encode(): lost})
    bench.start()
    assert len(bench.disk.aside) == 1
    assert bench.rows() == before


def test_a_source_topic_that_lost_records_is_read_again(caplog: pytest.LogCaptureFixture) -> None:
    """New records stand at offsets that were covered: none of them may be passed over."""
    bench = Bench()
    bench.start().process(bench.put(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    bench.broker.sources[DSP_EVENTS, 0].pop()
    partition = bench.start()
    assert "the broker lost records" in caplog.text
    new = accepted(DEVICES[2], 1)
    partition.process(batch(accepted(DEVICES[0], 0), new))
    assert len(bench.rows()) == 3


def test_records_deleted_before_they_were_read_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """The fold goes on at the first record there is."""
    bench = Bench()
    bench.broker.sources[DSP_EVENTS, 0] = [accepted(DEVICES[0], 7)]
    partition = bench.start()
    partition.process(batch(accepted(DEVICES[0], 7)))
    bench.broker.sources[DSP_EVENTS, 0] = [accepted(DEVICES[1], 12)]
    assert bench.start().ledger.next_offset(DSP_EVENTS) == 12
    assert "from 8 on were deleted before they were read" in caplog.text


def test_a_client_that_was_sent_back_makes_the_records_count_again() -> None:
    """The broker had nothing at the position any more: what follows is folded, not skipped."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0), accepted(DEVICES[1], 1)))
    chain = Chain()
    chain.begin({(DSP_EVENTS, 0): 2})
    ((number, frames),) = chain.batches({(DSP_EVENTS, 0): [accepted(DEVICES[2], 0)]})
    partition.process(Batch(number, frames, {}))
    assert len(bench.rows()) == 3
    assert partition.ledger.next_offset(DSP_EVENTS) == 1


def test_a_full_disk_stops_the_batch_before_anything_is_committed() -> None:
    """Neither log nor store has a part of it."""
    bench = Bench()
    partition = bench.start()
    bench.disk.full = True
    with pytest.raises(OSError, match="full"):
        partition.process(bench.put(accepted(DEVICES[0], 0)))
    assert bench.broker.status[0].records == []
    bench.disk.full = False
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    assert len(bench.rows()) == 1


def test_a_dead_letter_sent_again_folds_at_its_original_place() -> None:
    """Place and received time are those of its headers, and it is no sign of life of its source."""
    bench = Bench()
    partition = bench.start()
    headers = [
        ("resent_topic", DSP_EVENTS.encode()),
        ("resent_partition", b"0"),
        ("resent_offset", b"3"),
        ("resent_timestamp", str(NOW - 5000).encode()),
    ]
    again = replace(accepted(DEVICES[0], 9), headers=headers)
    partition.process(batch(again, start=0))
    (row,) = bench.rows().values()
    (report,) = decode_row(row).items[0].records.kept
    assert (report.partition, report.offset, report.received_at) == (0, 3, NOW - 5000)
    assert partition.ledger.last_received == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resent_topic", CSP_EVENTS),
        ("resent_offset", "-1"),
        ("resent_offset", "seven"),
        ("resent_timestamp", str(NOW + 1)),
        ("resent_timestamp", None),
    ],
)
def test_resent_headers_that_cannot_be_right_are_refused(name: str, value: str | None) -> None:
    """Nobody moves a record into the future, or to another topic."""
    bench = Bench()
    partition = bench.start()
    headers: dict[str, str | None] = {
        "resent_topic": DSP_EVENTS,
        "resent_partition": "0",
        "resent_offset": "3",
        "resent_timestamp": str(NOW - 5000),
        name: value,
    }
    sent = [(n, v.encode()) for n, v in headers.items() if v is not None]
    partition.process(batch(replace(accepted(DEVICES[0], 0), headers=sent)))
    (letter,) = bench.broker.dead
    told = dict(letter.headers or [])
    assert told["dl_reason"] == b"invalid-resent-headers"
    assert told["dl_offset"] == b"0"


def test_bad_records_go_to_the_dead_letters_with_bytes_place_and_reason() -> None:
    """The partition goes on, and the counts add up (invariant I7)."""
    bench = Bench()
    partition = bench.start()
    bad = Record(b"key", b"\x01not framed", 1, NOW + 5, [("trace", b"7")])
    partition.process(bench.put(accepted(DEVICES[0], 0), bad, accepted(STRANGER, 2)))
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
    partition = bench.start()
    ends = dict.fromkeys(SOURCE_TOPICS.values(), 0)
    partition.keep_alive(ends)
    bench.broker.now += 60_000
    partition.keep_alive(ends)
    assert partition.ledger.partition_time == bench.broker.now - 60_000
    assert bench.broker.status[0].records[-1].key == CONTROL_KEY


def test_a_topic_that_lags_holds_the_partition_time_back() -> None:
    """What is due may only follow what was read."""
    bench = Bench()
    partition = bench.start()
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
    partition = bench.start()
    partition.process(bench.put(*(accepted(DEVICES[0], n) for n in range(10))))
    assert [r.key for r in bench.broker.status[0].records] == [DEVICES[0].encode(), CONTROL_KEY]
    (row,) = bench.rows().values()
    assert len(decode_row(row).items[0].records.kept) == 10
