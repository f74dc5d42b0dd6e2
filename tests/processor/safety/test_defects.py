"""An exception that nobody thought of: three ends of the worker, one dead letter; never many."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from processor.batch import Batch, Frame
from processor.partition.folding import Folding
from processor.safety.defects import ENDS, MOST, Defect, Defects, told
from processor.safety.in_flight import NotedInFlight
from processor.safety.poison_probe import Record as Plain
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.fold import Fold
from projections.state import Report, Row
from schemas import headers
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import DAY_MS, DEAD_LETTERS, DSP_EVENTS
from sources.wire import Wire
from storage.store import StoreDamaged
from tests.simulation.broker import Record
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import send
from tests.support.processes import running
from tests.support.topics import committed, headers_of, table, wait_until_read

PARTITIONS = 4
HOME = partition_of(DEVICE, PARTITIONS)
LETHAL = Path(__file__).parents[2] / "support" / "lethal"


def batch(count: int = 10) -> Batch:
    """Records that nothing is known of."""
    return Batch(0, (Frame(DSP_EVENTS, 0, [Record(b"", b"", n) for n in range(count)]),), {})


def defect(offset: int, error: Exception | None = None) -> Defect:
    """An exception that came while the record at an offset was folded."""
    return Defect(0, (DSP_EVENTS, offset), error or ZeroDivisionError("by what?"))


def worked(folder: Path, *offsets: int, kind: Exception | None = None, now: int = 0) -> set[int]:
    """A process that meets defects at ``offsets``, the first unrefused one of which ends it: the
    offsets that it refuses."""
    in_flight = NotedInFlight(folder, lambda *_: False, Defects(folder, lambda: now))
    refused: set[int] = set()
    try:
        with in_flight.holding(0, batch(), lambda device: None) as known:
            refused = {offset for _, offset in known}
            for offset in offsets:
                if offset not in refused:
                    raise defect(offset, kind)
    except Defect:
        return refused
    return refused


def test_a_record_is_refused_after_three_ends_and_forgotten_once_it_is_durable(
    tmp_path: Path,
) -> None:
    """Not before, over restarts of the process; afterwards it is a record like any other."""
    for _ in range(ENDS):
        assert worked(tmp_path, 4) == set()
    assert worked(tmp_path, 4) == {4}
    assert worked(tmp_path) == set()


def test_ends_by_another_exception_or_at_another_record_do_not_add_up(tmp_path: Path) -> None:
    """Only the same defect counts."""
    for _ in range(ENDS - 1):
        worked(tmp_path, 4)
    worked(tmp_path, 4, kind=KeyError("x"))
    worked(tmp_path, 5)
    assert worked(tmp_path, 4) == set()


def test_a_defect_of_every_record_is_not_worked_off_into_the_dead_letters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """So many in a day, then the worker ends each time and says why; a day later there is room."""
    most: set[int] = set()
    for _ in range(10 * ENDS):
        most = max(most, worked(tmp_path, *range(10)), key=len)
    assert len(most) == MOST
    for offset in range(MOST):  # these are durable now, and the defect meets what follows
        assert worked(tmp_path, *range(offset + 1)) <= set(range(MOST))
    for _ in range(2 * ENDS):
        assert len(worked(tmp_path, *range(10))) <= MOST
    assert "the defect is not theirs" in caplog.text


def test_the_bound_is_one_of_a_day(tmp_path: Path) -> None:
    """What was refused and is durable counts for a day."""
    for offset in range(MOST):
        for _ in range(ENDS):
            worked(tmp_path, offset)
        assert worked(tmp_path, offset) == {offset}
    for _ in range(2 * ENDS):
        assert worked(tmp_path, 9, now=DAY_MS - 1) == set()
    assert worked(tmp_path, 9, now=DAY_MS) == {9}


def test_a_file_that_was_cut_short_is_told_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says nothing about anybody."""
    (tmp_path / "partition-0.defects").write_text('{"known": [')
    assert worked(tmp_path, 1) == set()
    assert "it was cut short" in caplog.text


def test_the_traceback_names_the_innermost_call_first() -> None:
    """Files as in the repository, and nothing of this machine's folders."""
    with pytest.raises(ValueError, match="no value") as met:
        Codec().encode("DspEvent", {})
    first, *calls = told(met.value).split("; ")
    assert first.startswith("ValueError: no value")
    assert calls[-2].startswith("schemas/codec.py:")
    assert calls[-1].startswith("tests/processor/safety/test_defects.py:")


def folding() -> Folding:
    """The fold of the device's partition."""
    reader = Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS)
    return Folding(HOME, PARTITIONS, reader, Codec())


def event(offset: int, detail: str = "") -> Plain:
    """An acceptance of the device, of its own request."""
    value = Codec().encode("DspEvent", dsp_event(detail=detail))
    return Plain(DEVICE.encode(), value, offset, dsp_event()["occurred_at"], ())


def fold(records: Sequence[Plain]) -> None:
    """All of them into an empty table."""
    folding().fold([Frame(DSP_EVENTS, 0, records)], lambda _: 0, lambda ds: [None] * len(ds))


def test_the_record_that_breaks_a_row_is_told_from_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Several records of one device are folded together; one of them is the culprit."""
    add = Fold.add

    def broken(fold: Fold, row: Row, report: Report) -> bool:
        if report.detail == "BREAKS":
            raise ZeroDivisionError
        return add(fold, row, report)

    monkeypatch.setattr(Fold, "add", broken)
    with pytest.raises(Defect) as met:
        fold([event(0), event(1, "BREAKS"), event(2)])
    assert met.value.place == (DSP_EVENTS, 1)


@pytest.mark.parametrize("error", [StoreDamaged("x"), MemoryError(), OSError(28, "no space")])
def test_what_says_nothing_of_a_record_is_no_defect(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disk, memory and a damaged store end the worker as what they are."""

    def fail(*_: object) -> bool:
        raise error

    monkeypatch.setattr(Fold, "add", fail)
    with pytest.raises(type(error)):
        fold([event(0)])


def test_a_real_worker_refuses_what_ends_it_and_folds_it_once_it_is_mended(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Under supervision: three ends, one letter with the traceback; sent again, it folds."""
    events = [dsp_event(detail="LETHAL" if n == 5 else None) for n in range(8)]
    wires = [
        Wire(DSP_EVENTS, HOME, DEVICE.encode(), Codec().encode("DspEvent", each), [])
        for each in events
    ]
    send(wires, fresh_topics)
    log = tmp_path / "log"
    environment = {"KAFKA_BOOTSTRAP_SERVERS": fresh_topics, "FDT_DATA_DIR": str(tmp_path)}
    defective = {"PYTHONPATH": f"{LETHAL}{os.pathsep}{Path.cwd()}", "LETHAL": "raise"}
    with running("process", "--workers", "1", log=log, **environment, **defective):
        found = wait_until_read(fresh_topics, len(wires))
    assert found.counts == {"read": 8, "folded": 7, "dead_lettered": 1, "quarantined": 1}
    (letter,) = committed(fresh_topics, DEAD_LETTERS)
    assert letter.value() == wires[5].value
    assert headers_of(letter)[headers.DL_REASON] == b"defect"
    assert headers_of(letter)[headers.DL_OFFSET] == b"5"
    assert b"processor/partition/folding.py:" in headers_of(letter)[headers.DL_DETAIL]
    assert log.read_text().count("; starting it again") == ENDS
    assert "is refused as a dead letter" in log.read_text()
    resent = subprocess.run(
        [sys.executable, "-m", "fdt", "dead-letters", "resend", "--reason", "defect"],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
    )
    assert resent.returncode == 0, resent.stderr
    with running("process", "--workers", "1", log=log, **environment):
        wait_until_read(fresh_topics, len(wires) + 1)
    (item,) = table(fresh_topics).items().values()
    assert len(item.timeline) == 8
