"""``python -m schemas.compiled`` compiles the hot modules with mypyc; it needs a C compiler.

With ``--if-possible`` a machine without one is told so and keeps the plain modules: they do the
same, slower (docs/performance.md).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from schemas.compiled import FOLDER, MODULES, ROOT, digest


def main() -> int:
    """Build, unless it is there already; 1 where it cannot be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-possible", action="store_true")
    asked = parser.parse_args()
    built = FOLDER / digest()
    if built.is_dir():
        return 0
    if missing := _missing():
        print(f"The rules stay plain Python: {missing}.", file=sys.stderr)
        return 0 if asked.if_possible else 1
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        _compile(Path(scratch))
        (Path(scratch) / "lib").rename(built)
    return 0


def _missing() -> str | None:
    """What a build needs and this machine lacks."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return "Python's own headers are not installed (Python.h)"
    return None


def _compile(scratch: Path) -> None:
    """One extension of all modules, so that they call one another directly."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    os.chdir(ROOT)
    extensions = mypycify(
        list(MODULES), opt_level="3", group_name="schemas.rules", target_dir=str(scratch / "c")
    )
    command = build_ext(Distribution({"name": "rules", "ext_modules": extensions}))
    command.build_lib = str(scratch / "lib")
    command.build_temp = str(scratch / "objects")
    command.parallel = os.cpu_count()
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    sys.exit(main())
