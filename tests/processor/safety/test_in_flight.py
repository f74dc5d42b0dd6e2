"""A record that kills the process is found and quarantined; nothing else ever is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from processor.batch import Batch, Frame
from processor.partition.folding import Folding
from processor.safety.defects import Refused
from processor.safety.in_flight import DEATHS, NotedInFlight, Stored, Suspect
from processor.safety.poison_probe import kills
from projections.catalogue import load_catalogue
from projections.events import Reader
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import CSP_EVENTS, DAY_MS, DEAD_LETTERS, DSP_EVENTS
from sources.wire import Wire
from tests.simulation.broker import Record
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import send
from tests.support.processes import worker
from tests.support.topics import committed, headers_of, wait_until_read

PARTITIONS = 4
HOME = partition_of(DEVICE, PARTITIONS)
_NEVER_LEFT: list[object] = []
"""Contexts of processes that are gone."""
LETHAL = Path(__file__).parents[2] / "support" / "lethal"
SPOILED = f"{LETHAL}{os.pathsep}{Path.cwd()}"


def records(count: int, lethal: Sequence[int] = ()) -> list[Record]:
    """Records of which some kill."""
    return [Record(b"", b"LETHAL" if n in lethal else b"", n) for n in range(count)]


def batch(held: Sequence[Record]) -> Batch:
    """Them as one batch."""
    return Batch(0, (Frame(DSP_EVENTS, held[0].offset, held),), {})


def lethal(number: int, suspects: Sequence[Suspect], stored: Stored) -> bool:
    """Whether one of the suspects kills."""
    return any(record.value == b"LETHAL" for _, record in suspects)


def die(
    folder: Path, held: Sequence[Record], kills_: object = lethal
) -> frozenset[tuple[str, int]]:
    """A process that has these in hand when it is killed."""
    in_flight = NotedInFlight(folder, kills_)  # type: ignore[arg-type]
    holding = in_flight.holding(0, batch(held), lambda device: None)
    _NEVER_LEFT.append(holding)
    return frozenset(holding.__enter__())


def test_a_record_that_killed_three_processes_is_found_by_halving(tmp_path: Path) -> None:
    """Two of a hundred, each alone; the rest goes on."""
    held = records(100, lethal=[17, 80])
    for _ in range(DEATHS):
        assert die(tmp_path, held) == frozenset()
    assert die(tmp_path, held) == {(DSP_EVENTS, 17), (DSP_EVENTS, 80)}


def test_a_process_killed_from_outside_makes_nobody_a_suspect(tmp_path: Path) -> None:
    """However often it happens: no record kills a child."""
    for _ in range(DEATHS + 3):
        assert die(tmp_path, records(100)) == frozenset()


def test_deaths_with_other_records_in_hand_do_not_add_up(tmp_path: Path) -> None:
    """Only the same records in hand count."""
    for at in range(DEATHS + 2):
        held = [Record(b"", b"LETHAL", at)]
        assert die(tmp_path, held) == frozenset()


def test_an_exception_is_no_death(tmp_path: Path) -> None:
    """A bug of ours ends the worker, and its records are tried again for ever."""
    for _ in range(DEATHS + 2):
        holding = NotedInFlight(tmp_path, lethal).holding(
            0, batch(records(4, lethal=[1])), lambda device: None
        )
        with pytest.raises(ZeroDivisionError):
            fail_in(holding)


def fail_in(holding: AbstractContextManager[Refused]) -> None:
    """A defect shows while the batch is in hand."""
    with holding as refused:
        assert not refused
        raise ZeroDivisionError


def test_a_record_that_kills_only_now_and_then_is_not_quarantined(tmp_path: Path) -> None:
    """Alone, it must die each time."""
    answers = iter([True, True, False, True])
    held = records(2)
    for _ in range(DEATHS):
        die(tmp_path, held)
    assert die(tmp_path, held, lambda number, suspects, stored: next(answers, False)) == frozenset()


def test_a_note_that_was_cut_short_is_told_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says nothing about anybody."""
    (tmp_path / "partition-0.in-hand").write_text('{"ranges": {"firm')
    assert die(tmp_path, records(3)) == frozenset()
    assert "it was cut short" in caplog.text


def folding(number: int) -> Folding:
    """What a child folds with."""
    reader = Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS)
    return Folding(number, PARTITIONS, reader, Codec())


def test_a_child_process_tells_death_from_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a process that is ended by a signal was killed."""
    good = Record(DEVICE.encode(), Codec().encode("DspEvent", dsp_event()), 0)
    bad = Record(DEVICE.encode(), Codec().encode("DspEvent", dsp_event(detail="LETHAL")), 1)
    suspects = [(DSP_EVENTS, good), (CSP_EVENTS, bad)]
    monkeypatch.setenv("PYTHONPATH", f"{LETHAL}{os.pathsep}{Path.cwd()}")
    for how, expected in (("abort", True), ("raise", False)):
        monkeypatch.setenv("LETHAL", how)
        assert kills(partial(folding, HOME), suspects, lambda device: None) is expected
    assert kills(partial(folding, HOME), suspects[:1], lambda device: None) is False


def test_a_real_worker_quarantines_what_kills_it_and_goes_on(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Under supervision: three deaths, then one dead letter with its own reason and whole bytes."""
    events = [dsp_event(detail="LETHAL" if n == 5 else None) for n in range(8)]
    wires = [
        Wire(DSP_EVENTS, HOME, DEVICE.encode(), Codec().encode("DspEvent", event), [])
        for event in events
    ]
    send(wires, fresh_topics)
    log = tmp_path / "log"
    with worker(fresh_topics, tmp_path, "--workers", "1", PYTHONPATH=SPOILED, LETHAL="abort"):
        found = wait_until_read(fresh_topics, len(wires))
    assert found.counts == {"read": 8, "folded": 7, "dead_lettered": 1, "quarantined": 1}
    (letter,) = committed(fresh_topics, DEAD_LETTERS)
    assert headers_of(letter)["dl_reason"] == b"kills-process"
    assert headers_of(letter)["dl_offset"] == b"5"
    assert letter.value() == wires[5].value
    assert log.read_text().count("signal SIGABRT; starting it again") == DEATHS


def test_a_real_worker_that_meets_a_defect_ends_and_says_where(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Exit code 1, topic, partition and offset in its log; its batch is not committed."""
    value = Codec().encode("DspEvent", dsp_event(detail="LETHAL"))
    send([Wire(DSP_EVENTS, HOME, DEVICE.encode(), value, [])], fresh_topics)
    log = tmp_path / "log"
    with worker(fresh_topics, tmp_path, PYTHONPATH=SPOILED, LETHAL="raise") as process:
        assert process.wait(60) == 1
    assert f"while folding {DSP_EVENTS}[{HOME}] offset 0" in log.read_text()
    assert list(committed(fresh_topics, DEAD_LETTERS)) == []
    assert wait_until_read(fresh_topics, 0).counts.get("read", 0) == 0
