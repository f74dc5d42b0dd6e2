"""The house stays small, and its rooms know only those below: bounds, and planted imports."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests import house

MANY_METHODS: Final = {
    "processor/worker.py:Worker": "ownership, turns and waiting share one failure and one lock "
    "for each partition: apart, each would have to ask the others for both",
    "fdt/brokers/local.py:LocalKafka": "a process with its folder, ports and log: six methods are "
    "the interface of every broker",
}
"""Classes with more than fifteen methods, and why."""

PLANTED: Final = {
    "schemas/topics.py": "projections.lifecycle",
    "projections/fold.py": "storage.store",
    "projections/views.py": "confluent_kafka",
    "storage/store.py": "projections.state",
    "runtime/health.py": "storage.store",
    "runtime/logs/lines.py": "storage.store",
    "runtime/access/kafka_security.py": "storage.store",
    "sources/program.py": "projections.lifecycle",
    "processor/worker.py": "query_api.app",
    "processor/batch.py": "processor.partition.ledger",
    "processor/partition/folding.py": "processor.transport.frames",
    "processor/safety/in_flight.py": "processor.partition.ledger",
    "processor/rebuild/rebuilding.py": "processor.transport.frames",
    "processor/profile/stages.py": "processor.transport.frames",
    "processor/transport/membership.py": "processor.app",
    "query_api/web/bodies.py": "query_api.identity.access",
    "query_api/identity/access.py": "query_api.queries.reads",
    "query_api/view/layout.py": "query_api.queries.reads",
    "query_api/queries/reads.py": "query_api.api.common",
    "query_api/audit/entry.py": "query_api.queries.reads",
    "query_api/resets/publishing.py": "query_api.api.common",
    "query_api/api/common.py": "query_api.screen.context",
    "query_api/screen/context.py": "query_api.app",
    "fdt/errors.py": "fdt.settings",
    "fdt/processes/children.py": "fdt.brokers.local",
    "fdt/kafka/topics.py": "fdt.commands.topics",
    "fdt/brokers/local.py": "fdt.up.stack",
    "fdt/up/stack.py": "fdt.commands.process",
    "fdt/manual/lifecycle_page.py": "fdt.commands.codes",
    "fdt/contract/judging.py": "fdt.commands.codes",
    "fdt/analysis/cut.py": "fdt.commands.codes",
    "fdt/analysis/exports/columns.py": "fdt.commands.codes",
    "fdt/analysis/replays/ranges.py": "fdt.commands.codes",
    "fdt/analysis/proof/copies.py": "fdt.commands.codes",
    "fdt/doctor/table.py": "fdt.commands.codes",
    "fdt/commands/contract/check.py": "fdt.cli",
    "fdt/commands/health/doctor.py": "fdt.cli",
    "fdt/commands/analysis/export.py": "fdt.cli",
    "fdt/commands/serve.py": "fdt.cli",
    "firmware_tracking/folding.py": "notebooks.steps",
}
"""Module -> an import that it must not have."""


def test_no_level_has_many_modules() -> None:
    """About twelve, or a room is missing."""
    assert [level for level in house.levels() if level.size > 12] == []


def test_modules_functions_and_classes_are_short() -> None:
    """A module at most 400 lines, a function 50, a class 15 methods."""
    assert [module for module in house.lengths() if module.size > 400] == []
    assert [function for function in house.functions() if function.size > 50] == []
    large = {found.where for found in house.classes() if found.size > 15}
    assert large == set(MANY_METHODS)


def test_tests_stand_in_the_rooms_of_the_product() -> None:
    """A folder below ``tests/processor`` is one below ``processor``; so with every program."""
    folders = [
        folder.relative_to(house.ROOT / "tests")
        for room in house.ROOMS
        for folder in (house.ROOT / "tests" / room).glob("*/")
        if (folder / "__init__.py").exists()
    ]
    assert len(folders) > 15
    assert [str(folder) for folder in folders if not (house.ROOT / folder).is_dir()] == []


def test_no_route_stands_inside_another_function() -> None:
    """Routes are at module level, and get what they need as dependencies."""
    assert house.nested_routes() == []


PAGES: Final = sorted((house.ROOT / "docs").glob("*.md"))
_FILE: Final = re.compile(rf"`((?:{'|'.join(house.ROOMS)}|tests|bench)/[\w/]+\.\w+)`")
_STEP: Final = re.compile(r"`([\w.]+/|\w+\.(?:py|toml))`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    """A dead name is found here."""
    named = _FILE.findall(page.read_text("utf-8"))
    assert [name for name in named if not (house.ROOT / name).exists()] == []


def test_the_ways_of_the_glossary_can_be_gone() -> None:
    """From the top level, by names alone."""
    table = (house.ROOT / "docs" / "glossary.md").read_text("utf-8").partition("Where do I look")[2]
    ways = re.findall(r"^\| .* \| (`.*) \|$", table, re.MULTILINE)
    assert len(ways) > 10
    for way in [part for line in ways for part in line.split(";")]:
        folder = house.ROOT
        for step in _STEP.findall(way):
            assert (folder / step).exists(), way
            folder = folder / step if step.endswith("/") else folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's source, to be spoiled."""
    folder = tmp_path_factory.mktemp("house")
    for room in (*house.ROOMS, "bench", "notebooks"):
        shutil.copytree(
            house.ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(house.ROOT / "pyproject.toml", folder)
    return folder


def broken(folder: Path) -> list[str]:
    """The lines of the import contract's report that name a forbidden import."""
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert linted.returncode in (0, 1), linted.stderr
    lines = linted.stdout.splitlines()
    return [line for line in lines if " -> " in line or "is not allowed to import" in line]


def test_a_wrong_import_in_any_room_is_found(copy: Path) -> None:
    """One is planted in each room, all at once: each is named, and nothing else."""
    assert broken(copy) == []
    for module, wrong in PLANTED.items():
        with (copy / module).open("a", encoding="utf-8") as file:
            file.write(f"import {wrong}\n")
    report = "\n".join(broken(copy))
    rooms = {str(Path(module).parent) for module in PLANTED}
    named = {
        str(Path(module).parent)
        for module in PLANTED
        if f" {module.removesuffix('.py').replace('/', '.')} -> " in report
    }
    assert named == rooms, report
