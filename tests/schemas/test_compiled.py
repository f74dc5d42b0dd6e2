"""The rules as a C extension: of these sources and no others, and the same rules as in Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from schemas import compiled

RULES: Final = (
    *("tests/projections", "tests/simulation", "tests/schemas/test_codec.py"),
    "tests/schemas/test_flat_records.py",
    *(f"tests/processor/partition/test_{n}.py" for n in ("folding", "partition", "resumption")),
)
"""What tests the hot modules themselves."""
BREAKING: Final = (*("--deselect", "tests/projections/test_plan.py::test_a_broken_rule_shows"),)
"""Tests that replace a rule."""
QUICKLY: Final = ("--hypothesis-profile", "mutants")
"""The plain modules have met more examples by then."""
NO_COMPILER: Final = "nothing is compiled here (make compiled says why): the plain modules run"


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Sources and extension in a folder of this test."""
    for module in compiled.MODULES:
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(compiled.ROOT / module, tmp_path / module)
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "built")
    monkeypatch.delenv(compiled.SETTING, raising=False)
    compiled.folder.cache_clear()
    yield tmp_path
    compiled.folder.cache_clear()


def test_an_extension_of_other_sources_is_not_loaded(own_folder: Path) -> None:
    """One changed letter, and the plain modules run until it is built again."""
    (compiled.FOLDER / compiled.digest()).mkdir(parents=True)
    assert compiled.which() == "compiled"
    with (own_folder / compiled.MODULES[0]).open("a", encoding="utf-8") as source:
        source.write("#")
    compiled.folder.cache_clear()
    assert compiled.which() == "plain"


def test_the_plain_modules_can_be_asked_for(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``FDT_RULES=plain``, whatever was built."""
    (compiled.FOLDER / compiled.digest()).mkdir(parents=True)
    monkeypatch.setenv(compiled.SETTING, "plain")
    assert compiled.which() == "plain"


@pytest.mark.parametrize("asked", ["compiled", "plain"])
def test_every_hot_module_is_what_is_said_of_it(asked: str) -> None:
    """Loaded from the extension, all of them, or from their sources, all of them."""
    names = [module.removesuffix(".py").replace("/", ".") for module in compiled.MODULES]
    program = (
        f"import importlib\nfor name in {names}:\n"
        "    print(importlib.import_module(name).__file__)\n"
        "from schemas.compiled import which; print(which())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {compiled.SETTING: asked},
        cwd=compiled.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *files, which = done.stdout.splitlines()
    built = which == "compiled"
    assert built == (asked == "compiled" and (compiled.FOLDER / compiled.digest()).is_dir())
    assert [file.startswith(str(compiled.FOLDER)) for file in files] == [built] * len(files)


def test_the_compiled_rules_pass_the_tests_of_the_rules() -> None:
    """One source: what the compiler makes of it is what Python makes of it."""
    if not (compiled.FOLDER / compiled.digest()).is_dir():
        pytest.skip(NO_COMPILER)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *RULES,
            *BREAKING,
            *QUICKLY,
        ],
        env=os.environ | {compiled.SETTING: "compiled"},
        cwd=compiled.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
