"""Work in processes of their own returns, raises and ends as if it were done here."""

from __future__ import annotations

import os
import signal

import pytest

from fdt.analysis import parallel
from fdt.analysis.parallel import Told, processes_for, work_off
from fdt.errors import RunFailed, UserError


def doubled(number: int, told: Told) -> int:
    """Some work."""
    told(number)
    return 2 * number


def refused(number: int, told: Told) -> int:
    """Work that meets something a person can mend."""
    raise UserError(f"{number} is in the way.")


def killed(number: int, told: Told) -> int:
    """Work that the system ends."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_answers_come_from_here_and_from_processes(processes: int) -> None:
    """Each once, in any order."""
    assert sorted(work_off(doubled, [(1, 1), (2, 2), (3, 3)], processes, "test")) == [2, 4, 6]


def test_an_error_of_a_process_is_the_commands() -> None:
    """With its sentence."""
    with pytest.raises(UserError, match="is in the way"):
        list(work_off(refused, [(1, 1), (2, 2)], 2, "test"))


def test_a_process_that_is_killed_is_told() -> None:
    """And how to mend it."""
    with pytest.raises(RunFailed, match="run it again, with fewer --processes"):
        list(work_off(killed, [(1, 1), (2, 2)], 2, "test"))


def test_little_work_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """And much no more than there are processors."""
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [processes_for(offsets) for offsets in (0, 99_999, 250_000, 10**9)] == [1, 1, 3, 8]


def test_nothing_to_do() -> None:
    """Ends at once."""
    assert list(work_off(doubled, [], None, "test")) == []


def test_in_a_log_the_bar_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With rate and time left."""
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    show = parallel._Lines("export", 1_000, 100.0)
    show(10)
    clock[0] = 110.0
    show(500)
    show(510)
    assert capsys.readouterr().err == "export: 500 of 1,000 offsets, 50/s, 10 s left\n"
