"""What one partition makes of its batches, with log and disk in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processor.batch import Batch, Chain
from processor.partition.partition import FrameLost
from processor.partition.status_log import LogUnavailable
from projections.rows import decode_row
from schemas.topics import CONTROL_KEY, CSP_EVENTS, DAY_MS, DSP_EVENTS, SOURCE_TOPICS
from tests.processor.bench import DEVICES, NOW, STRANGER, Bench, accepted, batch
from tests.simulation.broker import Record


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
    assert partition.ledger.counts == {"read": 2, "folded": 2, "dead_lettered": 0}


def test_records_deleted_under_a_worker_that_lags_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client goes over them silently, once more and again: the broker tells, once for each."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    for offset in (5, 9):
        record = accepted(DEVICES[1], offset)
        bench.broker.sources[DSP_EVENTS, 0] = [record]
        start = partition.ledger.next_offset(DSP_EVENTS)
        partition.process(batch(record, start=start))
    assert "begins at 9: the records from 6 on were deleted before they were read" in caplog.text
    assert partition.ledger.counts["deleted_unread"] == 4 + 3
    assert partition.ledger.counts["read"] == 3


def test_what_is_deleted_behind_a_fetch_was_not_lost() -> None:
    """Records that were handed over count as read, though the topic begins after them by now."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    bench.broker.sources[DSP_EVENTS, 0] = [accepted(DEVICES[2], 40)]
    partition.process(batch(accepted(DEVICES[1], 3), accepted(DEVICES[2], 40), start=1))
    assert partition.ledger.counts["deleted_unread"] == 2


def test_an_outage_while_the_broker_is_asked_for_a_hole_counts_nothing_twice() -> None:
    """The batch comes again, and is folded once."""
    bench = Bench()
    partition = bench.start()
    partition.process(bench.put(accepted(DEVICES[0], 0)))
    record = accepted(DEVICES[1], 5)
    bench.broker.sources[DSP_EVENTS, 0] = [record]
    bench.broker.outage = 1
    with pytest.raises(LogUnavailable):
        partition.process(batch(record, start=1))
    partition.process(batch(record, start=1))
    assert partition.ledger.counts["deleted_unread"] == 4
    assert partition.ledger.counts["read"] == 2


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
