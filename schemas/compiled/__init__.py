"""Loads the hot modules as a C extension built from these very sources, else as plain Python.

``make compiled`` builds it (:mod:`schemas.compiled.__main__`). There is one source for both: the
extension is in a folder named by a digest of the sources, so that one built from other sources is
never loaded. Packages with hot modules call :func:`prefer` when they are imported.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
"""The folder of the packages."""
FOLDER: Final = ROOT / "compiled_rules"
SETTING: Final = "FDT_RULES"
"""The environment variable; ``plain`` keeps to the plain modules. Read before there are settings,
for the rules are imported by then."""

MODULES: Final = (
    "schemas/codec.py",
    "schemas/event_ids.py",
    "schemas/flat_records.py",
    "schemas/partitioning.py",
    "projections/cap.py",
    "projections/correlation.py",
    "projections/events.py",
    "projections/fold.py",
    "projections/retention.py",
    "projections/rows.py",
    "projections/status_derivation.py",
    "projections/status_record.py",
    "processor/partition/dead_letters.py",
    "processor/partition/expiry.py",
    "processor/partition/folding.py",
)
"""The pure Python modules that every event passes through. Not among them: classes that inherit
from ``str``, which mypyc does not know, and layouts whose annotations msgspec reads. In these
modules a generator expression is a list: mypyc says so and makes one."""


def digest() -> str:
    """A digest of the hot modules and of the Python version that they are compiled for."""
    found = blake2b(sys.implementation.cache_tag.encode(), digest_size=8)
    for module in MODULES:
        found.update((ROOT / module).read_bytes())
    return found.hexdigest()


@cache
def folder() -> Path | None:
    """The folder of the extension that is loaded; None where the plain modules run."""
    if os.environ.get(SETTING) == "plain":
        return None
    built = FOLDER / digest()
    return built if built.is_dir() else None


def prefer(package: str, path: list[str]) -> None:
    """Let the modules of ``package`` be found in the extension first; ``path`` is its
    ``__path__``."""
    if (built := folder()) is not None:
        path.insert(0, str(built.joinpath(*package.split("."))))


def which() -> str:
    """``compiled`` or ``plain``: what runs, for the log and the bench."""
    return "plain" if folder() is None else "compiled"
