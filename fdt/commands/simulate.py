"""``fdt simulate``: runs the simulated sources side by side until the plan is published.

Each source is its own process, as the real ones are, and none outlives the command. The run is
noted in ``simulation.json`` in the data directory, so that its plan and expected endings can be
built again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fdt.errors import INTERRUPTED, RunFailed, UserError
from fdt.processes.children import end, spawn
from fdt.report import AsJson, Report
from fdt.settings import Settings
from fdt.up.simulation import Simulation, write_simulation
from runtime.threads import watched
from sources.planning.plan import build_plan
from sources.schedule import Schedule, wall_ms
from sources.wire import rfc3339

PROGRAMS: Final = ("dsp", "csp", "comms_hub", "ssmi")
_LOOK_SECONDS: Final = 0.1
_PLAIN_LINE_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 5.0
_START_ALLOWANCE_MS: Final = 1500
"""Beside the time to build the plan, which every source takes at the same time on few cores."""


@dataclass(frozen=True, slots=True)
class SimulationLine:
    """The run, when everything is published."""

    seed: Annotated[int, "Its seed."]
    requests: Annotated[int, "Update Firmware requests."]
    devices: Annotated[int, "Devices over all requests."]
    speed: Annotated[float, "Virtual hours an hour."]
    began_at: Annotated[str, "The time of its virtual zero (RFC 3339, UTC)."]
    published: Annotated[int, "Records the broker acknowledged."]


LINES: Final = (SimulationLine,)


def simulate(
    requests: Annotated[int, typer.Option(min=1, help="Update Firmware requests.")] = 20,
    devices: Annotated[int, typer.Option(min=1, help="Devices over all requests.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, help="Seed: the same one, the same events.")] = 7,
    speed: Annotated[
        float, typer.Option(help="Virtual hours an hour: 1 takes 45 hours, 5000 half a minute.")
    ] = 5000.0,
    rate: Annotated[
        float | None, typer.Option(help="Most records a second over all sources.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a simulated firmware campaign: DSP, CSP, Comms Hub and Service Centre."""
    settings = Settings()
    if settings.kafka_bootstrap_servers is None:
        raise UserError("No broker: set KAFKA_BOOTSTRAP_SERVERS to host:port.")
    simulation, total = _prepare(requests, devices, seed, speed, rate)
    write_simulation(settings.data_dir, simulation)
    with _interrupt_on_sigterm():
        fleet = _Fleet(simulation, rate, settings.environment())
        try:
            _watch(fleet, total, Report(as_json))
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        finally:
            fleet.stop()
    Report(as_json).objects([_line(simulation, fleet.published)])


def _line(simulation: Simulation, published: int) -> SimulationLine:
    return SimulationLine(
        seed=simulation.seed,
        requests=simulation.requests,
        devices=simulation.devices,
        speed=simulation.speed,
        began_at=rfc3339(simulation.base_ms),
        published=published,
    )


def _prepare(
    requests: int, devices: int, seed: int, speed: float, rate: float | None
) -> tuple[Simulation, int]:
    """The run, starting once every source has had time to build its plan; and its records."""
    began = wall_ms()
    try:
        plan = build_plan(seed, requests, devices)
        took = wall_ms() - began
        slow_down = len(PROGRAMS) / max(1, min(len(PROGRAMS), os.cpu_count() or 1))
        start = wall_ms() + took * slow_down + _START_ALLOWANCE_MS
        base_ms = Schedule.starting(round(start), speed, rate).base_ms
    except ValueError as error:
        raise UserError(f"There is no such simulation: {error}.") from error
    return Simulation(seed, requests, devices, speed, base_ms), len(plan.publications)


class _Child:
    """One source's process; a thread drains its output, so that it never blocks."""

    def __init__(self, program: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.program = program
        self.published = 0
        self._last_words = ""
        command = [sys.executable, "-m", f"sources.{program}", *arguments]
        self.process = spawn(command, environment=environment, output=subprocess.PIPE)
        self._reader = watched(program, self._read, stopping=lambda: True, on_end=self._lost)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._take(line)

    def _lost(self, error: BaseException) -> None:
        """Kill a program whose output cannot be read: it would block for ever."""
        self._last_words = f"its output could not be read: {error}"
        self.process.kill()

    def _take(self, line: bytes) -> None:
        """Take a line of progress, or of an error: text, or an event."""
        try:
            told = json.loads(line)
            self.published = told.get("published", self.published)
            if "published" not in told:
                self._last_words = str(told["event"])
        except (ValueError, KeyError, AttributeError):
            self._last_words = line.decode(errors="replace").strip() or self._last_words

    def failure(self) -> str | None:
        """Why the process failed, if it did: its last line."""
        code = self.process.poll()
        if code in (None, 0):
            return None
        self.join()
        source = self.program.replace("_", " ").upper()
        return f"The simulated {source} failed: {self._last_words or f'it ended with code {code}'}"

    def join(self) -> None:
        """Reads the last line of a process that has ended."""
        self._reader.join(_GRACE_SECONDS)


class _Fleet:
    """All sources of one run."""

    def __init__(
        self, simulation: Simulation, rate: float | None, environment: dict[str, str]
    ) -> None:
        arguments = [
            f"--{name.replace('_', '-')}={value}" for name, value in asdict(simulation).items()
        ]
        if rate is not None:
            arguments.append(f"--rate={rate}")
        self.children = [_Child(program, arguments, environment) for program in PROGRAMS]

    @property
    def published(self) -> int:
        """Records acknowledged so far, over all sources."""
        return sum(child.published for child in self.children)

    @property
    def running(self) -> bool:
        """Whether any source is still at work; :class:`RunFailed` as soon as one has failed."""
        for child in self.children:
            if (failure := child.failure()) is not None:
                raise RunFailed(failure)
        return any(child.process.poll() is None for child in self.children)

    def stop(self) -> None:
        """Ends what still runs, and waits for it."""
        for child in self.children:
            if child.process.poll() is None:
                child.process.terminate()
        for child in self.children:
            end(child.process, _GRACE_SECONDS)
            child.join()


def _watch(fleet: _Fleet, total: int, report: Report) -> None:
    """Shows the progress until everything is published."""
    console = report.console()
    if console.file.isatty():
        _watch_with_bar(fleet, total, console)
    else:
        _watch_with_lines(fleet, total, report)


def _watch_with_bar(fleet: _Fleet, total: int, console: Console) -> None:
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Publishing events", total=total)
        while fleet.running:
            progress.update(task, completed=fleet.published)
            time.sleep(_LOOK_SECONDS)
        fleet.stop()
        progress.update(task, completed=fleet.published)


def _watch_with_lines(fleet: _Fleet, total: int, report: Report) -> None:
    told = time.monotonic()
    while fleet.running:
        if time.monotonic() - told >= _PLAIN_LINE_SECONDS:
            told = time.monotonic()
            report.say(f"Published {fleet.published:,} of {total:,} records.")
        time.sleep(_LOOK_SECONDS)
    fleet.stop()
    report.say(f"Published {fleet.published:,} of {total:,} records.")


@contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does; only the main thread may arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
