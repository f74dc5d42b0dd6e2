"""Prometheus' own programs: found, or it is said what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
MONITORING: Final = ROOT / "monitoring"
ENVIRONMENT: Final = Path(sys.executable).parent
"""Where ``make prometheus`` puts them."""
RULES: Final = MONITORING / "alerts.yml"


class Missing(RuntimeError):
    """A program is not there; the message says how to come by it."""


def program(name: str) -> str:
    """Where ``prometheus`` or ``promtool`` is; :class:`Missing`."""
    path = os.pathsep.join([str(ENVIRONMENT), os.environ.get("PATH", "")])
    found = os.environ.get(name.upper()) or shutil.which(name, path=path)
    if found is None:
        raise Missing(
            f"The alerts need {name}: run 'make prometheus' (Debian, as root), or set "
            f"{name.upper()} to the path of one of version 2.42 or newer."
        )
    return found


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    """What promtool says."""
    return subprocess.run(
        [program("promtool"), *words], capture_output=True, text=True, timeout=120
    )


def rules() -> list[dict[str, Any]]:
    """Every alert, as it is written."""
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def play(tests: list[dict[str, Any]], folder: Path) -> subprocess.CompletedProcess[str]:
    """``promtool test rules`` with these."""
    file = folder / "alerts_test.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}),
        encoding="utf-8",
    )
    return promtool("test", "rules", str(file))
