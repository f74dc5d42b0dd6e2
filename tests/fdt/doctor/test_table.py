"""How the checks are run: side by side, none waits for one that hangs, a fault is told once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fdt.doctor.findings import Asked, Finding, failure, ok
from fdt.doctor.table import BROKER, CHECKS, SETTINGS, Check, examined, run
from fdt.settings import Settings

ASKED = Asked(Settings(kafka_bootstrap_servers="127.0.0.1:1"))


def found(*checks: Check, answer_s: float = 30.0) -> list[tuple[str, str]]:
    """(check, state) of each finding."""
    return [(name, one.state) for name, one in run(ASKED, checks, answer_s)]


def well(_: Asked) -> Iterator[Finding]:
    """Nothing to mend."""
    yield ok("well")


def test_a_check_that_hangs_is_a_finding() -> None:
    """And keeps no other from being told."""
    for_ever = threading.Event()

    def hangs(_: Asked) -> Iterator[Finding]:
        for_ever.wait()
        yield ok("never")

    told = found(Check("first", hangs), Check("second", well), answer_s=0.2)
    for_ever.set()
    assert told == [("first", "failure"), ("second", "ok")]


def test_checks_run_side_by_side() -> None:
    """Two that wait for each other come to an end."""
    met = threading.Barrier(2)

    def meets(_: Asked) -> Iterator[Finding]:
        met.wait(20)
        yield ok("met")

    assert found(Check("one", meets), Check("other", meets)) == [("one", "ok"), ("other", "ok")]


def test_what_needs_a_part_that_is_not_well_is_not_looked_at() -> None:
    """The fault is told once; a mere warning keeps nobody."""
    ill = Check(BROKER, lambda _: [failure("away", "start it")])
    assert found(ill, Check("topics", well, BROKER)) == [
        (BROKER, "failure"),
        ("topics", "not-checked"),
    ]
    assert found(Check(BROKER, well), Check("topics", well, BROKER))[1] == ("topics", "ok")


def test_a_defect_of_a_check_is_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback in the log; the others go on."""

    def broken(_: Asked) -> Iterator[Finding]:
        raise ZeroDivisionError("injected")

    assert found(Check("ours", broken), Check("next", well)) == [
        ("ours", "failure"),
        ("next", "ok"),
    ]
    assert any(record.exc_info for record in caplog.records)


def test_without_settings_that_can_be_used_nothing_else_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every unknown name is told, with the nearest; so is a contradiction."""
    monkeypatch.setenv("FDT_RETENTON", "P30D")
    monkeypatch.setenv("FDT_API_PROT", "8080")
    told = list(examined())
    wrong = [one for name, one in told if name == SETTINGS]
    assert [one.state for one in wrong] == ["failure", "failure"]
    assert "did you mean FDT_API_PORT?" in wrong[0].found
    assert "did you mean FDT_RETENTION?" in wrong[1].found
    assert {one.state for name, one in told if name != SETTINGS} == {"not-checked"}
    monkeypatch.undo()
    monkeypatch.setenv("FDT_EVENT_RETENTION", "P1D")
    ((name, contradiction), *_) = examined()
    assert (name, contradiction.state) == (SETTINGS, "failure")
    assert "FDT_EVENT_RETENTION is shorter than FDT_RETENTION" in contradiction.found


def test_each_check_has_a_name_of_its_own_and_needs_one_before_it() -> None:
    """So the table can be read from the top."""
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for place, check in enumerate(CHECKS):
        assert check.needs is None or check.needs in names[:place]
