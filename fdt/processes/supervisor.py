"""Supervises child programs: one log of them all, restarts with back-off, an end in order.

A program that ends by itself is started again, later each time; one that keeps failing ends the
run. All of it happens in the caller's thread, in :meth:`Supervisor.tick`: a child is tied to the
thread that started it.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Final

from fdt.errors import RunFailed
from fdt.processes.children import end, ending, spawn
from runtime.threads import watched

Say = Callable[[str, str], None]
"""Takes a program's name and one line about it or from it; called from several threads."""

READER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. One that is not ``lasting`` has work to finish and may end."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a program may fail, and how long each restart waits. Times are in seconds."""

    failures: int = 5
    within: float = 60.0
    first_pause: float = 0.5
    longest_pause: float = 8.0

    def pause(self, failures: int) -> float:
        """The wait before the restart that follows so many failures: it doubles each time."""
        return float(min(self.longest_pause, self.first_pause * 2 ** (failures - 1)))


class Supervisor:
    """Runs programs until :meth:`stop`; ``say`` gets every line of their output."""

    def __init__(
        self,
        say: Say,
        *,
        patience: Patience | None = None,
        grace_seconds: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._patience = patience or Patience()
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._children: dict[str, _Child] = {}

    def start(self, program: Program) -> None:
        """Starts a program; its name must be new."""
        if program.name in self._children:
            raise ValueError(f"{program.name} is supervised already")
        child = self._children[program.name] = _Child(program, self._say)
        child.start()

    def tick(self) -> None:
        """Checks every program once.

        :class:`~fdt.errors.RunFailed` if one fails too often; :class:`BrokenPipeError` if nobody
        reads our output any more.
        """
        for child in self._children.values():
            if child.unheard is not None:
                raise child.unheard
            if child.restart_at is not None:
                if self._clock() >= child.restart_at:
                    child.start()
            elif child.program.lasting and child.ended:
                self._failed(child)

    def code(self, name: str) -> int | None:
        """Exit code of a program that has ended; None while it runs or waits for its restart."""
        child = self._children[name]
        return None if child.restart_at is not None else child.poll()

    def process_id(self, name: str) -> int | None:
        """Process id of a program that runs."""
        return self._children[name].process_id

    def stop(self, names: Iterable[str]) -> None:
        """Ends the programs one after the other, in the order of their names here."""
        for name in names:
            child = self._children.pop(name, None)
            if child is not None:
                child.stop(self._grace_seconds)

    def stop_all(self) -> None:
        """Ends every program, the latest first."""
        self.stop(list(reversed(self._children)))

    def _failed(self, child: _Child) -> None:
        now, patience = self._clock(), self._patience
        child.failures.append(now)
        while child.failures[0] < now - patience.within:
            child.failures.popleft()
        count, name = len(child.failures), child.program.name
        if count >= patience.failures:
            raise RunFailed(
                f"The {name} ended {count} times within {patience.within:g} s, "
                f"the last time with {child.ending}: its lines above say why."
            )
        pause = patience.pause(count)
        child.restart_at = now + pause
        self._say(name, f"ended with {child.ending}; starting it again in {pause:g} s")


class _Child:
    """One program and, while it runs, its process and the thread that reads its output."""

    def __init__(self, program: Program, say: Say) -> None:
        self.program = program
        self.failures: deque[float] = deque()
        self.restart_at: float | None = None
        self.unheard: BaseException | None = None
        """Why its output is not read any more, if the program has not ended."""
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def ended(self) -> bool:
        return self.poll() is not None

    @property
    def ending(self) -> str:
        """How it ended, in words; only of one that has."""
        code = self.poll()
        assert code is not None
        return ending(code)

    @property
    def process_id(self) -> int | None:
        return None if self._process is None or self.ended else self._process.pid

    def poll(self) -> int | None:
        """Exit code, once all its output has been passed on."""
        assert self._process is not None
        code = self._process.poll()
        if code is not None and self._reader is not None:
            self._reader.join(READER_SECONDS)
            self._reader = None
        return code

    def start(self) -> None:
        self.restart_at = None
        self._process = spawn(
            self.program.command,
            environment={"PYTHONUNBUFFERED": "1", **self.program.environment},
            output=subprocess.PIPE,
        )
        output = self._process.stdout
        assert output is not None
        self._reader = watched(
            self.program.name,
            lambda: self._read(output),
            stopping=lambda: True,
            on_end=self._lost,
        )
        self._reader.start()

    def stop(self, grace_seconds: float) -> None:
        assert self._process is not None
        if not self.ended:
            end(self._process, grace_seconds)
            self._say(self.program.name, f"stopped ({self.ending})")

    def _read(self, output: IO[bytes]) -> None:
        """Pass its output on until it closes it; end where our own output has no reader."""
        with output:
            for line in output:
                try:
                    self._say(self.program.name, line.decode(errors="replace").rstrip())
                except BrokenPipeError as error:
                    self._lost(error)
                    return

    def _lost(self, error: BaseException) -> None:
        self.unheard = error
