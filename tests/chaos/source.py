"""A plan published by a process for each source, each with credentials of its own.

``python -m tests.chaos.source SOURCE FILE PAUSE …`` is one of them: slow until there is the file,
then as fast as it can. It needs the rights of a publisher alone: the simulated DSP's register of
re-sends, which reads the other sources' topics, is left out, for the plan says already which events
come.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.topics import Source
from sources.planning.events import PlannedEvent
from sources.planning.plan import Plan, build_plan
from sources.program import NoJudge, run
from sources.schedule import Schedule, wall_ms

SEED = 7
SPEED = 1_000_000.0


class Slow(NoJudge):
    """Pauses before each event until there is a file."""

    def __init__(self, hurry: Path, pause_s: float) -> None:
        self._hurry = hurry
        self._pause_s = pause_s

    def before(self, event: PlannedEvent, occurred_at: int) -> None:
        """Pause, if it is time to."""
        if not self._hurry.exists():
            time.sleep(self._pause_s)


@dataclass
class Campaign:
    """``devices`` over ``requests``; each source pauses so many seconds between two events, until
    it is told to hurry."""

    bootstrap: str
    folder: Path
    requests: int
    devices: int
    pause_s: float
    processes: dict[Source, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan: Plan = build_plan(SEED, self.requests, self.devices)
        self.schedule = Schedule.starting(round(wall_ms()), SPEED)
        self._hurry = self.folder / "hurry"

    def start(self, source: Source, environment: Mapping[str, str]) -> None:
        """Its share, from a process with these variables."""
        words = {
            "seed": SEED,
            "requests": self.requests,
            "devices": self.devices,
            "speed": SPEED,
            "base-ms": self.schedule.base_ms,
            "bootstrap": self.bootstrap,
        }
        options = [f"--{name}={value}" for name, value in words.items()]
        paced = [str(self._hurry), str(self.pause_s)]
        with self.log(source).open("wb") as out:
            self.processes[source] = subprocess.Popen(
                [sys.executable, "-m", __name__, source.name, *paced, *options],
                env={**os.environ, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def log(self, source: Source) -> Path:
        """What it said."""
        return self.folder / f"{source.name}.log"

    @property
    def flowing(self) -> bool:
        """Whether a source has still something to publish."""
        return any(process.poll() is None for process in self.processes.values())

    def finish(self, within_s: float) -> None:
        """Everything that is left, without a pause; until it is acknowledged."""
        self._hurry.touch()
        for source, process in self.processes.items():
            assert process.wait(within_s) == 0, self.log(source).read_text()[-1_000:]

    def stop(self) -> None:
        """End what is left."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()


if __name__ == "__main__":
    name, hurry, pause, *options = sys.argv[1:]
    sys.exit(run(Source[name], lambda _: Slow(Path(hurry), float(pause)), options))
