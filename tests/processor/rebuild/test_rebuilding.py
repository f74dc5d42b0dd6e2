"""A rebuild from the events, with broker and stores in memory: what it finds, mends and refuses."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from processor.batch import Batch, Frame
from processor.partition.partition import Partition
from processor.partition.status_log import Fenced, Outgoing
from processor.rebuild import rebuilding as rebuilding
from processor.rebuild.rebuilding import EventsMissing, Outcome
from projections.catalogue import Catalogue, load_catalogue
from projections.events import Reader
from projections.retention import RETENTION_MS
from projections.rows import decode_row, encode_row
from projections.state import Row
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import CONTROL_KEY, DAY_MS, DSP_EVENTS, SOURCE_TOPICS, STATUS
from tests.simulation.broker import Broker, Record, SimulatedLog, SimulatedTopics
from tests.simulation.disk import Disk, NothingNoted, SimulatedStores
from tests.simulation.rebuilding import rebuild
from tests.support.events import dsp_event
from tests.support.rows import status_value

PARTITIONS = 4
CODEC = Codec()
CATALOGUE = load_catalogue()
DEVICES = [
    device
    for device in (f"00-DB-12-34-56-78-90-{n:02X}" for n in range(256))
    if partition_of(device, PARTITIONS) == 0
]


def reader(catalogue: Catalogue = CATALOGUE, retention_ms: int = RETENTION_MS) -> Reader:
    """The rules."""
    return Reader(catalogue, frozenset({"ESME"}), 2 * DAY_MS, retention_ms)


class Table:
    """Partition 0 with its worker, of which the table is what the events say."""

    def __init__(self, devices: int = 5) -> None:
        self.broker = Broker()
        self.worker = Partition(
            0,
            PARTITIONS,
            stores=SimulatedStores(Disk()),
            log=SimulatedLog(self.broker, 0),
            reader=reader(),
            codec=CODEC,
            topics=SimulatedTopics(self.broker),
            worker="test",
            in_flight=NothingNoted(),
        )
        self.worker.resume()
        for device in DEVICES[:devices]:
            self.accept(device)
        self.accept(DEVICES[0], code="Q7")  # a dead letter

    def accept(self, device: str, **changes: Any) -> Record:
        """The DSP says something about a device, and the worker folds it."""
        name = f"{device}/{len(self.broker.sources[DSP_EVENTS, 0])}"
        event = dsp_event(
            event_id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
            device_id=device,
            occurred_at=self.broker.now - 1000,
            **changes,
        )
        self.broker.now += 1000
        record = self.broker.publish(
            DSP_EVENTS, 0, device.encode(), CODEC.encode("DspEvent", event)
        )
        frame = Frame(DSP_EVENTS, record.offset, (record,))
        ends = dict.fromkeys(SOURCE_TOPICS.values(), 0) | {DSP_EVENTS: record.offset + 1}
        self.worker.process(Batch(0, (frame,), ends))
        return record

    def spoil(self, device: str, state: bytes | None) -> None:
        """Write a row, or that there is none, as nobody should."""
        value = None if state is None else status_value(device, state)
        session = self.broker.sessions[0]
        self.broker.commit(0, session, [Outgoing(STATUS, device.encode(), value)])

    def rebuild(self, *, write: bool = False, **parts: Any) -> Outcome:
        """A rebuild with these rules."""
        work = rebuild(
            self.broker,
            0,
            parts.get("reader", reader()),
            parts.get("retention_ms", RETENTION_MS),
            fenced=write,
            partitions=PARTITIONS,
        )
        return work.run(write=write)

    def rows(self) -> dict[str, bytes]:
        """The table as the status topic has it."""
        latest = {r.key: r.value for r in self.broker.status[0].records if r.key != CONTROL_KEY}
        return {
            key.decode(): CODEC.decode("FirmwareStatus", value)["state"]
            for key, value in latest.items()
            if value is not None
        }

    def control(self) -> dict[str, Any]:
        """The last control record."""
        values = [r.value for r in self.broker.status[0].records if r.key == CONTROL_KEY]
        found: dict[str, Any] = CODEC.decode("ProcessorControl", values[-1])
        return found

    def spoil_three(self) -> None:
        """One row is another's, one is gone, and one is of a device that never was."""
        rows = self.rows()
        self.spoil(DEVICES[0], rows[DEVICES[1]])
        self.spoil(DEVICES[1], None)
        self.spoil(DEVICES[9], rows[DEVICES[2]])


def changed(state: bytes, change: Callable[[Row], None]) -> bytes:
    """A stored row with a change in it."""
    row = decode_row(state)
    change(row)
    return encode_row(row)


def test_a_table_that_is_what_the_events_say_is_left_alone() -> None:
    """Nothing is written, and a worker that owns the partition goes on beside a check."""
    table = Table()
    before = list(table.broker.status[0].records)
    assert table.rebuild() == Outcome(0, 5, 5, 0, 0, 0, False)
    table.accept(DEVICES[6])
    assert table.rebuild(write=True).is_right
    assert table.broker.status[0].records[: len(before)] == before
    assert len(table.rows()) == 6


def test_what_is_not_what_the_events_say_is_told_and_put_right() -> None:
    """Changed, missing and too many; what is covered and counted stays as it was."""
    table = Table()
    right, control, dead = table.rows(), table.control(), len(table.broker.dead)
    table.spoil_three()
    assert table.rebuild() == Outcome(0, 5, 5, 1, 1, 1, False)
    assert table.rows() != right
    assert table.rebuild(write=True).differing == 3
    assert table.rows() == right
    assert table.control() == control | {"worker": "rebuild"}
    assert len(table.broker.dead) == dead == 1
    assert table.rebuild().is_right


def test_the_last_owner_is_fenced_before_anything_is_written() -> None:
    """A worker that was thought to be stopped writes nothing over what was put right."""
    table = Table()
    table.rebuild(write=True)
    with pytest.raises(Fenced):
        table.accept(DEVICES[0])


def test_rows_are_put_right_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction has the row count that is true after it."""
    monkeypatch.setattr(rebuilding, "TRANSACTION_ROWS", 2)
    table = Table()
    for device in DEVICES[:5]:
        table.spoil(device, None)
    table.rebuild(write=True)
    written = [t.records for t in table.broker.history[0][-3:]]
    assert [len(records) - 1 for records in written] == [2, 2, 1]
    counts = [CODEC.decode("ProcessorControl", records[-1].value)["rows"] for records in written]
    assert counts == [2, 4, 5]


def test_a_wrong_count_alone_is_put_right() -> None:
    """So that no worker takes the log for one that is not whole, and reads every event again."""
    table = Table()
    wrong = CODEC.encode("ProcessorControl", table.control() | {"rows": 17})
    table.broker.commit(0, 0, [Outgoing(STATUS, CONTROL_KEY, wrong)])
    assert table.rebuild() == Outcome(0, 5, 5, 0, 0, 0, True)
    assert table.rebuild(write=True).miscounted
    assert table.control()["rows"] == 5
    assert table.rebuild().is_right


def test_rows_that_another_catalogue_made_are_made_anew() -> None:
    """Also those whose next event may never come."""
    table = Table()
    mended = Catalogue("mended", CATALOGUE.rows, CATALOGUE.sources)
    assert table.rebuild(write=True, reader=reader(mended)).changed == 5
    assert {decode_row(state).catalogue for state in table.rows().values()} == {"mended"}
    assert table.rebuild(reader=reader(mended)).is_right


def test_a_catalogue_that_does_not_read_what_is_held_is_refused() -> None:
    """The event would be in the table no more, and in no dead letter."""
    table = Table()
    rows = [row for row in CATALOGUE.rows if not any(key.code == "I99" for key in row.keys)]
    before = list(table.broker.status[0].records)
    with pytest.raises(EventsMissing, match="is refused now: the code catalogue"):
        table.rebuild(write=True, reader=reader(Catalogue("less", rows)))
    assert table.broker.status[0].records == before


def test_a_row_that_would_be_forgotten_too_late_is_made_anew() -> None:
    """The time by which a sweep finds it is part of the row."""
    table = Table()
    state = table.rows()[DEVICES[0]]
    later = changed(state, lambda row: setattr(row, "holds_from", row.holds_from + DAY_MS))
    table.spoil(DEVICES[0], later)
    assert table.rebuild(write=True).changed == 1
    assert table.rows()[DEVICES[0]] == state


def test_what_is_due_and_not_swept_yet_is_no_difference() -> None:
    """Nor does it come back."""
    table = Table(3)
    table.broker.now += 2 * RETENTION_MS
    table.accept(DEVICES[7])
    table.accept(DEVICES[8])  # the time of the first is known
    assert len(table.rows()) == 5
    outcome = table.rebuild()
    assert outcome.is_right
    assert (outcome.held, outcome.made) == (5, 2)


def test_events_that_may_be_needed_and_were_deleted_are_missed() -> None:
    """Of a topic that begins within the retention, what differs is not put right."""
    table = Table()
    del table.broker.sources[DSP_EVENTS, 0][:1]
    with pytest.raises(EventsMissing, match=r"firmware.dsp.v1\[0\] begins at offset 1"):
        table.rebuild(write=True)


def test_events_that_ended_before_they_were_deleted_are_not_missed() -> None:
    """What is put right does not rest on them."""
    table = Table(2)
    table.broker.now += RETENTION_MS
    for device in DEVICES[3:6]:
        table.accept(device)
    right = {device: table.rows()[device] for device in DEVICES[3:6]}
    del table.broker.sources[DSP_EVENTS, 0][:1]
    table.spoil(DEVICES[4], None)
    assert table.rebuild(write=True).missing == 1
    assert right.items() <= table.rows().items()


def test_a_row_that_rests_on_a_deleted_event_is_not_taken_away() -> None:
    """However old the event is: the row is younger."""
    table = Table(1)
    for share, device, code in (
        (0.5, DEVICES[1], "I99"),
        (0.4, DEVICES[0], "E110101"),
        (0.7, DEVICES[2], "I99"),
        (0.0, DEVICES[3], "I99"),
    ):
        table.broker.now += int(share * RETENTION_MS)
        table.accept(device, code=code)
    assert table.rebuild().is_right
    del table.broker.sources[DSP_EVENTS, 0][:2]
    with pytest.raises(EventsMissing, match=r"offset 0, which the row of .* is not among"):
        table.rebuild(write=True)


def test_a_topic_made_anew_takes_no_row_away() -> None:
    """Other events stand at the places of those that are held."""
    table = Table()
    log = table.broker.sources[DSP_EVENTS, 0]
    kept = log[1]
    log[:] = [Record(kept.key, kept.value, r.offset, r.timestamp + 7) for r in log]
    with pytest.raises(EventsMissing, match="is not among the events that were read"):
        table.rebuild(write=True)
