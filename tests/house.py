"""How large the rooms, modules and functions are: ``python -m tests.house`` prints the table.

:mod:`tests.test_house` holds the bounds. Product code is what is shipped: no tests, no bench.
"""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
ROOMS: Final = (
    *("fdt", "firmware_tracking", "processor", "projections", "query_api"),
    *("runtime", "schemas", "sources", "storage"),
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Size:
    """Something in a module, and its lines or members."""

    where: str
    size: int


def modules() -> list[Path]:
    """Every module of the product."""
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def _name(path: Path, inside: str = "") -> str:
    return f"{path.relative_to(ROOT)}{':' if inside else ''}{inside}"


def levels() -> list[Size]:
    """Modules of each folder, ``__init__`` not counted, the largest first."""
    counted = Counter(_name(p.parent) for p in modules() if p.name != "__init__.py")
    return [Size(where, number) for where, number in counted.most_common()]


def lengths() -> list[Size]:
    """Lines of each module, the longest first."""
    found = [Size(_name(p), len(p.read_text("utf-8").splitlines())) for p in modules()]
    return sorted(found, key=lambda size: -size.size)


def _nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            yield path, node


def functions() -> list[Size]:
    """Lines of each function from ``def`` to its end, docstring included, the longest first."""
    found = [
        Size(_name(path, node.name), (node.end_lineno or node.lineno) - node.lineno + 1)
        for path, node in _nodes()
        if isinstance(node, Function)
    ]
    return sorted(found, key=lambda size: -size.size)


def classes() -> list[Size]:
    """Methods of each class, properties included, those with the most first."""
    found = [
        Size(_name(path, node.name), sum(isinstance(part, Function) for part in node.body))
        for path, node in _nodes()
        if isinstance(node, ast.ClassDef)
    ]
    return sorted(found, key=lambda size: -size.size)


def nested_routes() -> list[str]:
    """Route functions that stand inside another function."""
    return [
        _name(path, inner.name)
        for path, outer in _nodes()
        if isinstance(outer, Function)
        for inner in ast.walk(outer)
        if isinstance(inner, Function) and inner is not outer and _is_route(inner)
    ]


def _is_route(function: Function) -> bool:
    verbs = ("get", "post", "put", "delete", "patch", "api_route")
    return any(
        isinstance(made, ast.Call)
        and isinstance(made.func, ast.Attribute)
        and made.func.attr in verbs
        and bool(made.args)
        for made in function.decorator_list
    )


def main() -> None:
    """Print the table."""
    lines = [size.size for size in functions()]
    print(f"product: {len(modules())} modules, {sum(s.size for s in lengths())} lines")
    print(f"functions: {len(lines)}, median {statistics.median(lines):g} lines", end="")
    print(f", 90th percentile {statistics.quantiles(lines, n=10)[-1]:g}")
    for title, found in (
        ("modules on a level", levels()),
        ("lines of a module", lengths()),
        ("lines of a function", functions()),
        ("methods of a class", classes()),
    ):
        print(f"\n{title}")
        for size in found[:6]:
            print(f"  {size.size:4} {size.where}")


if __name__ == "__main__":
    main()
