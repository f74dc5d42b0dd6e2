"""The supervisor: restarts with back-off, gives up in the end, and stops everything in order."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from fdt.errors import RunFailed
from fdt.processes.supervisor import Patience, Program, Supervisor

RUNS = "import time; print('running', flush=True); time.sleep(60)"
FAILS = "print('no luck'); raise SystemExit(3)"
STOPS_SLOWLY = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), print('done'), sys.exit(0)))\n"
    "print('running', flush=True)\n"
    "time.sleep(60)"
)
IGNORES = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('running', flush=True)\n"
    "time.sleep(60)"
)


@dataclass
class Bench:
    """A supervisor on a clock that the test moves, and everything it said."""

    said: list[tuple[str, str]] = field(default_factory=list)
    now: float = 0.0
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            lambda name, line: self.said.append((name, line)),
            patience=self.patience,
            grace_seconds=1.0,
            clock=lambda: self.now,
        )

    def start(self, name: str, script: str, *, lasting: bool = True) -> None:
        """A small Python program under a name."""
        self.supervisor.start(Program(name, (sys.executable, "-c", script), lasting=lasting))

    def until(self, holds: Callable[[], bool]) -> None:
        """Ticks, the clock standing still, until something holds."""
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline, self.said
            self.supervisor.tick()
            time.sleep(0.01)

    def until_said(self, name: str, lines: int) -> None:
        """Ticks until so much was said of or by a program."""
        self.until(lambda: len(self.lines(name)) == lines)

    def lines(self, name: str) -> list[str]:
        """What was said of or by a program."""
        return [line for said, line in self.said if said == name]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A supervisor whose programs are ended with the test."""
    bench = Bench()
    yield bench
    bench.supervisor.stop_all()


def test_output_comes_line_by_line_under_the_programs_name(bench: Bench) -> None:
    """Standard output and standard error alike."""
    bench.start("talker", "import sys; print('out'); print('err', file=sys.stderr)", lasting=False)
    bench.until(lambda: bench.supervisor.code("talker") == 0)
    assert sorted(bench.lines("talker")) == ["err", "out"]


def test_a_program_that_ends_is_started_again_after_a_pause(bench: Bench) -> None:
    """The log says how it ended and when it comes again."""
    bench.start("worker", FAILS)
    bench.until(lambda: len(bench.lines("worker")) == 2)
    assert bench.lines("worker")[1] == "ended with exit code 3; starting it again in 0.5 s"
    bench.supervisor.tick()
    assert bench.lines("worker").count("no luck") == 1
    bench.now = 0.5
    bench.until(lambda: bench.lines("worker").count("no luck") == 2)


def test_a_program_that_is_killed_is_started_again(bench: Bench) -> None:
    """The signal is named, and the new process is another one."""
    bench.start("worker", RUNS)
    bench.until(lambda: bench.lines("worker") == ["running"])
    before = bench.supervisor.process_id("worker")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    bench.until(lambda: len(bench.lines("worker")) == 2)
    assert "ended with signal SIGKILL" in bench.lines("worker")[1]
    bench.now = 1.0
    bench.until(lambda: bench.lines("worker").count("running") == 2)
    assert bench.supervisor.process_id("worker") not in (None, before)


def test_each_pause_is_twice_the_one_before_up_to_a_limit() -> None:
    """A program that cannot run does not take the machine."""
    patience = Patience(first_pause=0.5, longest_pause=3.0)
    assert [patience.pause(n) for n in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_five_failures_within_a_minute_end_the_run(bench: Bench) -> None:
    """In one sentence that names the program; the exit code is 1."""
    bench.start("worker", FAILS)
    for failures in range(1, 5):
        bench.until_said("worker", 2 * failures)
        bench.now += 8
    with pytest.raises(RunFailed, match=r"worker ended 5 times within 60 s.*exit code 3") as ended:
        bench.until(lambda: False)
    assert ended.value.exit_code == 1


def test_failures_that_lie_far_apart_are_forgiven(bench: Bench) -> None:
    """A crash a day is a restart a day."""
    bench.start("worker", FAILS)
    for failures in range(1, 8):
        bench.until_said("worker", 2 * failures)
        assert bench.lines("worker")[-1].endswith("starting it again in 0.5 s")
        bench.now += 61


def test_a_program_with_work_to_finish_may_end(bench: Bench) -> None:
    """Its exit code is kept and it is not started again."""
    bench.start("sources", FAILS, lasting=False)
    bench.until(lambda: bench.supervisor.code("sources") == 3)
    bench.now += 100
    bench.supervisor.tick()
    assert bench.lines("sources") == ["no luck"]


def test_programs_stop_one_after_the_other_the_latest_first(bench: Bench) -> None:
    """Each has finished before the next is told."""
    for name in ("read side", "processor", "sources"):
        bench.start(name, STOPS_SLOWLY)
    bench.until(lambda: len(bench.said) == 3)
    bench.supervisor.stop_all()
    assert bench.said[3:] == [
        (name, line)
        for name in ("sources", "processor", "read side")
        for line in ("done", "stopped (exit code 0)")
    ]


def test_a_program_that_does_not_stop_is_killed(bench: Bench) -> None:
    """After the grace, so that the end always comes."""
    bench.start("stubborn", IGNORES)
    bench.until(lambda: bench.lines("stubborn") == ["running"])
    bench.supervisor.stop_all()
    assert bench.lines("stubborn")[-1] == "stopped (signal SIGKILL)"


def test_a_stopped_program_stays_stopped(bench: Bench) -> None:
    """An end that was asked for is no failure."""
    bench.start("worker", RUNS)
    bench.until(lambda: bench.lines("worker") == ["running"])
    bench.supervisor.stop(["worker"])
    bench.now += 100
    bench.supervisor.tick()
    assert bench.lines("worker") == ["running", "stopped (signal SIGTERM)"]


def test_a_name_is_used_once(bench: Bench) -> None:
    """Two programs under one name could not be told apart."""
    bench.start("worker", RUNS)
    with pytest.raises(ValueError, match="worker is supervised already"):
        bench.start("worker", RUNS)


def test_a_log_that_nobody_reads_any_more_ends_the_run() -> None:
    """As in ``fdt up | head``: the reader threads cannot end it, so the tick does."""

    def say(name: str, line: str) -> None:
        if line == "running":
            raise BrokenPipeError

    supervisor = Supervisor(say, grace_seconds=1.0)
    supervisor.start(Program("worker", (sys.executable, "-c", RUNS)))
    try:
        with pytest.raises(BrokenPipeError):
            tick_for_a_minute(supervisor)
    finally:
        supervisor.stop_all()


def tick_for_a_minute(supervisor: Supervisor) -> None:
    """Unless it raises."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        supervisor.tick()
        time.sleep(0.01)
