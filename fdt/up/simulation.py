"""The note of a run of the simulated sources: written by ``fdt simulate``, read by its check."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fdt.errors import UserError

SIMULATION_FILE: Final = "simulation.json"


@dataclass(frozen=True, slots=True)
class Simulation:
    """A run: enough to build its plan again and to place it in time."""

    seed: int
    requests: int
    devices: int
    speed: float
    base_ms: int
    """Wall-clock milliseconds of the plan's virtual zero."""


def write_simulation(data_dir: Path, simulation: Simulation) -> Path:
    """Notes the run in ``data_dir``; the file's path."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / SIMULATION_FILE
    path.write_text(json.dumps(asdict(simulation), indent=2) + "\n", encoding="utf-8")
    return path


def read_simulation(data_dir: Path) -> Simulation:
    """The last run noted in ``data_dir``; :class:`UserError` if there was none."""
    path = data_dir / SIMULATION_FILE
    try:
        return Simulation(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"There is no {path}: run fdt simulate first.") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not a simulation's note ({error}): delete it.") from error
