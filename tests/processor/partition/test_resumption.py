"""One partition through crashes, fences and lost disks, with log and disk in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processor.partition.ledger import LEDGER_KEY
from processor.partition.status_log import Fenced
from schemas.topics import CSP_EVENTS, DSP_EVENTS, STATUS
from tests.processor.bench import CODEC, DEVICES, Bench, accepted, batch
from tests.simulation.process import Crash


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


def test_records_deleted_before_they_were_read_are_told_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The fold goes on at the first record there is; the log knows how many offsets are missing."""
    bench = Bench()
    bench.broker.sources[DSP_EVENTS, 0] = [accepted(DEVICES[0], 7)]
    partition = bench.start()
    partition.process(batch(accepted(DEVICES[0], 7)))
    assert "deleted_unread" not in partition.ledger.counts
    last = accepted(DEVICES[1], 12)
    bench.broker.sources[DSP_EVENTS, 0] = [last]
    partition = bench.start()
    assert partition.ledger.next_offset(DSP_EVENTS) == 12
    assert "from 8 on were deleted before they were read" in caplog.text
    partition.process(batch(last))
    counts = {"read": 2, "folded": 2, "dead_lettered": 0, "deleted_unread": 4}
    assert partition.ledger.counts == counts
    bench.disk.folders.clear()
    assert bench.start().ledger.counts == counts


def test_what_was_deleted_unread_counts_once_though_the_process_dies() -> None:
    """Position and count become durable together."""
    bench = Bench()
    bench.start().process(bench.put(accepted(DEVICES[0], 0)))
    bench.broker.sources[DSP_EVENTS, 0] = [accepted(DEVICES[1], 5)]
    bench.start()
    partition = bench.start()
    partition.process(batch(accepted(DEVICES[1], 5)))
    assert bench.start().ledger.counts["deleted_unread"] == 4
