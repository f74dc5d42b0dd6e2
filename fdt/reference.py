"""Makes docs/commands.md from the commands: ``python -m fdt.reference`` prints it.

Options come from the application, exit codes from the table of commands, fields of ``--json`` from
the classes of the lines that commands print.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import typer

from fdt.cli import COMMANDS, Command, build_app
from fdt.errors import INTERRUPTED, READER_GONE

_HEAD: Final = f"""\
# Commands

Made by `python -m fdt.reference`; a test fails when this page and the commands differ.

What a command found goes to standard output. On a terminal it is a table where that fits, else a
block for each line; in a file or a pipe it is a line each, with tabs between the cells and the
headings first. Nothing is ever cut, and control characters in what others wrote are shown as
`\\x1b`. Times are UTC.

With `--json` standard output holds one JSON object a line and nothing else; sentences for people go
to standard error. Field names stay. A field that is null has no value. A field whose name ends in
`_base64` holds bytes.

Colours and moving lines are only for a terminal: `NO_COLOR` and `TERM=dumb` turn them off,
`FORCE_COLOR` brings colours into the log of `fdt up`. `fdt --version` says which version this is,
and of what it rests on.

| Exit code | It says, with and without `--json` |
|---|---|
| 0 | Done; nothing differs |
| 1 | The work failed or something differs: each command says below what |
| 2 | A wrong call or setting, or something in the way that can be mended: standard error says how |
| {INTERRUPTED} | Ctrl-C, or SIGTERM where it is heard, before the work was done |
| {READER_GONE} | Whoever read standard output went away, as `head` does |
"""

_WORDS: Final = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    NoneType: "null",
}


def markdown() -> str:
    """The text of docs/commands.md."""
    group: Any = typer.main.get_command(build_app(lambda _name: True))
    parts = [_HEAD]
    for command in COMMANDS:
        parts += _chapter(command, group.commands[command.name])
    return "".join(parts)


def line_kinds(command: Command) -> tuple[type[Any], ...]:
    """The classes of what the command prints as JSON."""
    found: tuple[type[Any], ...] = getattr(
        import_module(f"fdt.commands.{command.module}"), "LINES", ()
    )
    return found


def _chapter(command: Command, loaded: Any) -> Iterator[str]:
    yield f"\n## fdt {command.name}\n\n{loaded.help.strip()}\n\n"
    yield f"```\n{command.example}\n```\n\n"
    if loaded.params:
        yield "| Option | What it does |\n|---|---|\n"
        yield from (f"| {_spelt(one)} | {one.help} |\n" for one in loaded.params)
        yield "\n"
    if command.failed:
        yield f"Exit code 1: {command.failed}\n"
    if command.not_json is not None:
        yield f"\nNo `--json`: {command.not_json}\n"
    for kind in line_kinds(command):
        yield from _fields(kind)


def _spelt(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.name.upper()]
    return ", ".join(f"`{name}`" for name in names)


def _fields(kind: type[Any], prefix: str = "") -> Iterator[str]:
    """A line's fields; those of the objects within it under their path."""
    if not prefix:
        yield f"\n{kind.__doc__}\n\n| Field | Type | What it is |\n|---|---|---|\n"
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint, meaning = get_args(hints[field.name])
        yield f"| `{prefix}{field.name}` | {_type(hint)} | {meaning} |\n"
        for inner in _classes(hint):
            many = "[]" if get_origin(hint) is list else ""
            yield from _fields(inner, f"{prefix}{field.name}{many}.")


def _type(hint: Any) -> str:
    """The JSON type, in a word or two."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        return " or ".join(map(_type, arguments))
    if origin is Literal:
        return "string"
    if origin is list:
        return f"list of {_type(arguments[0])}s"
    return _WORDS.get(origin or hint, "object")


def _classes(hint: Any) -> Iterator[type[Any]]:
    """The classes of lines in a hint."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for argument in get_args(hint):
        yield from _classes(argument)


if __name__ == "__main__":
    typer.echo(markdown(), nl=False)
