"""The programs of ``fdt up`` and of ``fdt process --workers`` as commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from fdt.processes.supervisor import Program
from fdt.settings import Settings

READ_SIDE: Final = "read side"
SOURCES: Final = "sources"
MOST_WORKERS: Final = 16
"""Of one command."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What was asked of ``fdt up``; None leaves it to ``fdt simulate``."""

    requests: int | None = None
    devices: int | None = None
    seed: int | None = None
    speed: float | None = None
    rate: float | None = None
    simulate: bool = True
    until_settled: bool = False
    workers: int = 1
    keep: bool = False


def processors(settings: Settings, demand: Demand) -> list[Program]:
    """The processors, with a name and a folder for each."""
    alone = demand.workers == 1
    programs = []
    for number in range(demand.workers):
        name = settings.worker_name if alone else f"worker-{number}"
        port = settings.processor_port and settings.processor_port + number
        worker = settings.model_copy(update={"worker_name": name, "processor_port": port})
        programs.append(_fdt("processor" if alone else f"processor {number}", worker, ["process"]))
    return programs


def read_side(settings: Settings) -> Program:
    """The read side."""
    return _fdt(READ_SIDE, settings, ["serve"])


def sources_of(settings: Settings, demand: Demand, seed: int) -> Program:
    """The simulated sources, which end when everything is published."""
    options = {
        "requests": demand.requests,
        "devices": demand.devices,
        "seed": seed,
        "speed": demand.speed,
        "rate": demand.rate,
    }
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return _fdt(SOURCES, settings, ["simulate", *given], lasting=False)


def _fdt(name: str, settings: Settings, command: list[str], *, lasting: bool = True) -> Program:
    words = (sys.executable, "-m", "fdt", *command)
    return Program(name, words, settings.environment(), lasting)
