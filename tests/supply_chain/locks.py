"""What the locks say the image and a developer's machine are made of."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from fdt.extras import DISTRIBUTION
from fdt.processes.tool_environment import tool_environment
from tests.house import ROOT

LOCKS: Final = {"image": "requirements.image.lock", "everything": "requirements.lock"}
"""What an SBOM is of -> the lock that says it."""
_TOOLS: Final = Path(__file__).with_name("tools.lock")
_KEPT: Final = ROOT / ".fdt" / "tools"


def sbom(folder: Path) -> dict[str, Path]:
    """One for each lock, in ``folder``; by what it is of."""
    made = {}
    folder.mkdir(parents=True, exist_ok=True)
    program = tool_environment(_TOOLS, _KEPT) / "cyclonedx-py"
    project = ROOT / "pyproject.toml"
    for name, lock in LOCKS.items():
        path = folder / f"sbom-{name}.cdx.json"
        form = ["--of", "JSON", "--sv", "1.6", "--output-reproducible", "-o", str(path)]
        subprocess.run(
            [program, "requirements", str(ROOT / lock), "--pyproject", str(project), *form],
            check=True,
        )
        _complete(path)
        made[name] = path
    return made


def _complete(path: Path) -> None:
    """With our own version; and no address of an index, which is whoever made it."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    found["metadata"]["component"]["version"] = version(DISTRIBUTION)
    for component in found["components"]:
        component.pop("externalReferences", None)
        component.pop("description", None)
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def audit() -> None:
    """``subprocess.CalledProcessError`` if a package is known to be unsafe, or cannot be judged."""
    program = tool_environment(_TOOLS, _KEPT) / "pip-audit"
    for lock in LOCKS.values():
        asked = ["--require-hashes", "--disable-pip", "--strict", "--progress-spinner", "off"]
        subprocess.run([program, "-r", str(ROOT / lock), *asked], check=True)
