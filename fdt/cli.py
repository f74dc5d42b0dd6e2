"""The ``fdt`` command: a table of commands, of which only the one that is asked for is imported.

So ``fdt --help`` is quick, and a command does not carry the weight of the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer

from fdt.errors import UserError


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, the module in :mod:`fdt.commands`, the function in it, one line of
    help."""

    name: str
    module: str
    function: str
    help: str

    def load(self) -> Callable[..., Any]:
        """The function itself."""
        function: Callable[..., Any] = getattr(
            import_module(f"fdt.commands.{self.module}"), self.function
        )
        return function


COMMANDS: Final = (
    Command("up", "up", "up", "Run everything on this machine: broker to read side."),
    Command("topics", "topics", "topics", "Create the topics; say what differs from the contract."),
    Command("simulate", "simulate", "simulate", "Publish a simulated firmware campaign."),
    Command("process", "process", "process", "Fold the events into the latest-status table."),
    Command("serve", "serve", "serve", "Answer queries and show the screen."),
    Command(
        "dead-letters",
        "dead_letters",
        "dead_letters",
        "Look at what was refused; send it again, or drop it.",
    ),
    Command("rebuild", "rebuild", "rebuild", "Make the table anew from the events; put it right."),
    Command("token", "token", "token", "Print an access token (development only)."),
    Command("audit", "audit", "audit", "Print who looked at what, and who reset what."),
    Command("broker", "broker", "broker", "Run a local Kafka until Ctrl-C."),
    Command("codes", "codes", "codes", "Say what native codes mean; check another catalogue."),
    Command("settings", "settings", "settings", "Print every setting, secrets hidden."),
)

_COMPLETION_VARIABLE: Final = "_FDT_COMPLETE"


def build_app(loaded: Callable[[str], bool]) -> typer.Typer:
    """The application; the commands that ``loaded`` accepts are real, the others only have their
    line."""
    app = typer.Typer(
        name="fdt",
        help="Firmware Distribution Tracking: where each device of an update is now, and why.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_group)
    for command in COMMANDS:
        function = command.load() if loaded(command.name) else _not_asked_for
        app.command(command.name, short_help=command.help)(function)
    return app


def run(arguments: Sequence[str]) -> int:
    """Runs ``fdt`` with ``arguments``; the exit code. Only a :class:`UserError` is made a
    sentence."""
    try:
        build_app(_asked_for(arguments))(list(arguments), prog_name="fdt")
    except UserError as error:
        typer.echo(f"fdt: {error}", err=True)
        return error.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def main() -> None:
    """Entry point of the script."""
    sys.exit(run(sys.argv[1:]))


def _asked_for(arguments: Sequence[str]) -> Callable[[str], bool]:
    """Shell completion needs every command's options; else the first word names the command."""
    if _COMPLETION_VARIABLE in os.environ:
        return lambda _name: True
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    return lambda name: name == wanted


def _group() -> None:
    """With a callback, one command alone would still be a group of commands."""


def _not_asked_for() -> None:
    """Stands for a command that is listed and not run."""
