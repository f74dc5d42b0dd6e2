"""What is installed where: a worker needs no web server, the image no Java and no tests."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from fdt.cli import COMMANDS
from fdt.extras import EXTRAS, extra_of

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BASE: Final = ("process", "topics", "dead-letters", "rebuild", "codes", "settings", "simulate")
"""Commands that run where nothing but a worker is installed."""

WITHOUT: Final = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError("no " + name, name=name)

sys.meta_path.insert(0, Missing())
from fdt.cli import main
sys.argv = ["fdt", *{arguments!r}]
main()
"""


def fdt_without(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``fdt`` where only the base dependencies are installed."""
    packages = {package for extra in EXTRAS.values() for package in extra}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(packages=packages, arguments=arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", BASE)
def test_what_a_worker_needs_is_no_extra(name: str) -> None:
    """The command's module and all that it imports are there."""
    (command,) = [command for command in COMMANDS if command.name == name]
    ended = fdt_without(command.name, "--help")
    assert ended.returncode == 0, ended.stderr
    assert "Usage" in ended.stdout


def test_the_programs_of_the_processor_need_no_extra() -> None:
    """What ``fdt process`` imports once it works, which its help does not."""
    packages = {package for extra in EXTRAS.values() for package in extra}
    script = WITHOUT.format(packages=packages, arguments=()).partition("from fdt.cli")[0]
    ended = subprocess.run(
        [sys.executable, "-c", f"{script}import processor.app, processor.rebuild.rebuilding"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr


def test_a_missing_extra_is_named() -> None:
    """With the words that install it, and exit code 2."""
    ended = fdt_without("token")
    assert ended.returncode == 2
    assert ended.stderr == (
        "fdt: This needs joserfc, which is not installed: pip install "
        "'firmware-distribution-tracking[read-side]'.\n"
    )


def test_a_module_of_ours_that_is_missing_is_a_defect() -> None:
    """No extra has it."""
    assert extra_of(ModuleNotFoundError("gone", name="processor.gone")) is None


def names(lock: str) -> dict[str, str]:
    """Package -> version."""
    text = (ROOT / lock).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def test_the_image_has_what_it_runs_and_nothing_else() -> None:
    """No Java, no tests, no tools; each package as the tests have it."""
    image, everything = names("requirements.image.lock"), names("requirements.lock")
    assert image.items() <= everything.items()
    outside = {*PROJECT["optional-dependencies"]["local"], *PROJECT["optional-dependencies"]["dev"]}
    named = {re.split(r"[\[>]", each)[0] for each in outside} - {PROJECT["name"]}
    named -= {"attrs", "python-dateutil"}  # what Faust needs brings them
    assert len(named) > 10
    assert named.isdisjoint(image)


def test_every_dependency_has_its_line() -> None:
    """docs/dependencies.md says what for, why this one, licence and last release."""
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z0-9-]+)`", page, re.MULTILINE))
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"]]
    wanted += [each for extra in ("read-side", "local", "analysis") for each in extras[extra]]
    assert told == {re.split(r"[\[>]", each)[0] for each in wanted} - {PROJECT["name"]}
