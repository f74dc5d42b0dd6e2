"""``make client``: makes the typed Python client in ``client/`` from ``docs/openapi.json``.

openapi-python-client makes it, in an environment of its own with the packages of
``client/generator.lock``, because it needs an older ``typer`` than the project.
``client/made.json`` has digests of the document and of the package; a test compares both with the
files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from fdt.processes.tool_environment import tool_environment

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "client"
PACKAGE: Final = FOLDER / "firmware_tracking_client"
DOCUMENT: Final = ROOT / "docs" / "openapi.json"
MADE: Final = FOLDER / "made.json"

_LOCK: Final = FOLDER / "generator.lock"
_CONFIG: Final = FOLDER / "generator.yaml"
_ENVIRONMENTS: Final = ROOT / ".fdt" / "tools"


def as_made(package: Path = PACKAGE, document: Path = DOCUMENT) -> dict[str, str]:
    """SHA-256 of the document, and of the package's files with their names."""
    files = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        files.update(f"{path.relative_to(package).as_posix()}\n".encode())
        files.update(path.read_bytes())
    return {
        "document": hashlib.sha256(document.read_bytes()).hexdigest(),
        "package": files.hexdigest(),
    }


def make() -> None:
    """Make the package anew; ``subprocess.CalledProcessError`` if a tool fails."""
    bin_folder = tool_environment(_LOCK, _ENVIRONMENTS)
    shutil.rmtree(PACKAGE, ignore_errors=True)
    _run(
        [
            bin_folder / "openapi-python-client",
            "generate",
            *("--path", DOCUMENT),
            *("--config", _CONFIG),
            *("--output-path", PACKAGE),
            *("--meta", "none"),
            "--fail-on-warning",
        ]
    )
    ruff = bin_folder / "ruff"
    _run([ruff, "check", "--quiet", "--isolated", "--fix", "--select", "F401,I", PACKAGE])
    _run([ruff, "format", "--quiet", "--isolated", "--line-length", "100", PACKAGE])
    (PACKAGE / "py.typed").touch()
    MADE.write_text(json.dumps(as_made(), indent=2) + "\n", encoding="utf-8")


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    make()
