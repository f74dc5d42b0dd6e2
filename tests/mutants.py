"""``make mutants``: changes the rules one operator at a time, and counts what the tests notice.

The mutants are cosmic-ray's. Each is made in a copy of the sources, one copy a processor, and the
tests of the rules are run against it until the first failure. Annotations, which are never
executed, and how a dataclass is laid out in memory are not mutated. Ends with 1 when fewer than
95 % of the mutants die; docs/mutants.md says of the survivors why.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkResult
from rich.progress import track

ROOT: Final = Path(__file__).parent.parent
MODULES: Final = tuple(
    f"projections/{name}.py"
    for name in ("lifecycle", "fold", "cap", "correlation", "status_derivation")
)
TESTS: Final = (
    *("lifecycle", "transitions", "contradictions", "untidy_input", "what_is_kept", "revision"),
    "fold",
)
"""Modules of tests/projections, the quickest first."""
COMMAND: Final = " ".join(
    (
        f"{sys.executable} -m pytest -x -q --tb=no --noconftest -p tests.hypothesis_profiles",
        "-p no:cacheprovider --hypothesis-profile=mutants",
        *(f"tests/projections/test_{name}.py" for name in TESTS),
    )
)
TIMEOUT_S: Final = 120.0
"""A mutant that takes longer has been noticed: it no longer ends."""
ENOUGH: Final = 0.95


def main() -> None:
    """Run every mutant, or those of one module, and print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", choices=MODULES, action="append")
    modules = parser.parse_args().module or list(MODULES)
    work = list(mutants(modules))
    with tempfile.TemporaryDirectory() as scratch:
        results = run(work, Path(scratch))
    report(results)
    died = sum(result.is_killed for _, result in results)
    print(f"{died} of {len(results)} mutants died: {died / len(results):.1%}")
    sys.exit(died < ENOUGH * len(results))


def mutants(modules: list[str]) -> Iterator[MutationSpec]:
    """Every mutation of what is executed in ``modules``."""
    with tempfile.TemporaryDirectory() as folder, use_db(f"{folder}/work.sqlite") as session:
        init([Path(module) for module in modules], session, {})
        for item in session.work_items:
            (mutation,) = item.mutations
            if not _is_no_behaviour(mutation):
                yield mutation


def _is_no_behaviour(mutation: MutationSpec) -> bool:
    """Annotations are not executed under ``from __future__ import annotations``."""
    tree = ast.parse((ROOT / mutation.module_path).read_text(encoding="utf-8"))
    return any(
        (found.lineno, found.col_offset)
        <= mutation.start_pos
        < (found.end_lineno or 0, found.end_col_offset or 0)
        for node in ast.walk(tree)
        for found in _no_behaviour(node)
    )


def _no_behaviour(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.AnnAssign):
        return [node.annotation]
    if isinstance(node, ast.arg) and node.annotation is not None:
        return [node.annotation]
    if isinstance(node, ast.FunctionDef) and node.returns is not None:
        return [node.returns]
    if isinstance(node, ast.ClassDef):
        layouts = [call for call in node.decorator_list if isinstance(call, ast.Call)]
        return [keyword.value for call in layouts for keyword in call.keywords]
    return []


def run(work: list[MutationSpec], scratch: Path) -> list[tuple[MutationSpec, WorkResult]]:
    """The result of every mutant, from as many copies of the sources as there are processors."""
    count = os.cpu_count() or 1
    copies: multiprocessing.Queue[Path] = multiprocessing.Queue()
    for number in range(count):
        copies.put(copied(scratch / str(number)))
    with multiprocessing.Pool(count, _enter, (copies,)) as pool:
        results = list(track(pool.imap(_run, work), "Mutants", total=len(work)))
    return list(zip(work, results, strict=True))


def copied(folder: Path) -> Path:
    """A copy of the sources that pass the tests as they are."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    subprocess.run(COMMAND.split(), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def _enter(copies: multiprocessing.Queue[Path]) -> None:
    """A process of the pool works in its own copy."""
    os.chdir(copies.get())


def _run(mutation: MutationSpec) -> WorkResult:
    return mutate_and_test([mutation], COMMAND, TIMEOUT_S)


def report(results: list[tuple[MutationSpec, WorkResult]]) -> None:
    """Survivors with their change, then a line a module."""
    for mutation, result in results:
        if result.test_outcome is TestOutcome.INCOMPETENT:
            raise RuntimeError(f"{mutation} could not be run: {result.output}")
        if not result.is_killed:
            print(f"\nsurvived: {mutation.module_path}:{mutation.start_pos[0]}")
            changed = [line for line in (result.diff or "").splitlines() if line[:1] in "+-"]
            print("\n".join(line for line in changed if line[:3] not in ("+++", "---")))
    all_of = Counter(str(mutation.module_path) for mutation, _ in results)
    died = Counter(str(mutation.module_path) for mutation, result in results if result.is_killed)
    for module, number in all_of.items():
        print(f"{module}: {died[module]} of {number} died")


if __name__ == "__main__":
    main()
