"""The ``fdt`` command: a table of commands, of which only the one that runs is imported.

So ``fdt --help`` is quick, and no command loads the packages of the others.
"""

from __future__ import annotations

import io
import logging
import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from fdt.errors import READER_GONE, UserError
from fdt.extras import extra_of
from runtime.logs.printable import LINES, printable


@dataclass(frozen=True, slots=True)
class Command:
    """One command: a line of the table.

    ``module`` is in :mod:`fdt.commands`, ``function`` in that; ``help`` is one line; ``failed``
    says what exit code 1 means, if it can end so. One that ``stays`` runs until it is ended: its
    output is its log. A command without ``--json`` has the reason in ``not_json``; the others name
    the objects they print in ``LINES`` of their module.
    """

    name: str
    module: str
    function: str
    help: str
    example: str = ""
    failed: str = ""
    not_json: str | None = None
    stays: bool = False

    def load(self) -> Callable[..., Any]:
        """The function itself."""
        function: Callable[..., Any] = getattr(
            import_module(f"fdt.commands.{self.module}"), self.function
        )
        return function


COMMANDS: Final = (
    Command(
        "up",
        "up",
        "up",
        "Run everything on this machine: broker to read side.",
        "fdt up --devices 20000 --workers 2 --until-settled",
        "A part failed, or with `--until-settled` an item is not as the plan says.",
        stays=True,
    ),
    Command(
        "topics",
        "topics",
        "topics",
        "Create the topics; say what differs from the contract.",
        "fdt topics --json",
        "A topic differs.",
    ),
    Command(
        "simulate",
        "simulate",
        "simulate",
        "Publish a simulated firmware campaign.",
        "fdt simulate --requests 2 --devices 600 --speed 100000",
        "A source failed.",
        stays=True,
    ),
    Command(
        "process",
        "process",
        "process",
        "Fold the events into the latest-status table.",
        "fdt process --workers 3",
        "The worker failed.",
        not_json="It runs until it is ended; what it says is its log.",
        stays=True,
    ),
    Command(
        "serve",
        "serve",
        "serve",
        "Answer queries and show the screen.",
        "fdt serve",
        "The read side failed.",
        not_json="It runs until it is ended; what it says is its log.",
        stays=True,
    ),
    Command(
        "dead-letters",
        "dead_letters",
        "dead_letters",
        "Look at what was refused; send it again, or drop it.",
        "fdt dead-letters list --reason unknown-code --json",
        "The broker did not take a record, or something else writes to the topic.",
    ),
    Command(
        "rebuild",
        "rebuild",
        "rebuild",
        "Make the table anew from the events; put it right.",
        "fdt rebuild --check --partition 2",
        "It ended early, or with `--check` a row differs.",
    ),
    Command(
        "as-at",
        "analysis.as_at",
        "as_at",
        "Say what was shown of a device at an earlier time.",
        "fdt as-at 2026-11-23T06:00Z 00-DB-12-34-56-78-90-A0",
    ),
    Command(
        "replay",
        "analysis.replay",
        "replay",
        "Read the events of a range again; fold them into a fresh table.",
        "fdt replay --table what-if/ --catalogue mine.toml --compare",
        "It ended early.",
    ),
    Command(
        "verify",
        "analysis.verify",
        "verify",
        "Prove that events, status topic, table and view agree.",
        "fdt verify --partition 2 --without view",
        "A row differs, or it ended early.",
    ),
    Command(
        "export",
        "analysis.export",
        "export",
        "Write events, dead letters and the table as files.",
        "fdt export analysis/ --only events --owner 90-B3-D5-1F-30-01-00-00",
        "It ended early, or records were deleted before they were exported.",
    ),
    Command(
        "token",
        "token",
        "token",
        "Print an access token (development only).",
        "fdt token --role supplier --user-id 90-B3-D5-1F-30-01-00-00",
        not_json="It prints one value, the token.",
    ),
    Command(
        "audit",
        "audit",
        "audit",
        "Print who looked at what, and who reset what.",
        "fdt audit --hours 48 --action reset",
        "The topic cannot be read.",
    ),
    Command(
        "broker",
        "broker",
        "broker",
        "Run a local Kafka until Ctrl-C.",
        "fdt broker --port 9092",
        "Kafka ended by itself.",
        not_json="It runs until it is ended, and prints one address.",
    ),
    Command(
        "codes",
        "codes",
        "codes",
        "Say what native codes mean; check another catalogue.",
        "fdt codes mine.toml --compare",
    ),
    Command(
        "contract",
        "contract.check",
        "contract",
        "Judge samples of records as the processor would.",
        "fdt contract check samples.json",
        "A sample is refused.",
    ),
    Command(
        "registry",
        "contract.schema_registry",
        "registry",
        "Register the published schemas; say which ids mean two.",
        "fdt registry --json",
        "The registry refuses a schema, or an id that is kept means two.",
    ),
    Command(
        "doctor",
        "health.doctor",
        "doctor",
        "Look at everything a program needs; say how to mend it.",
        "fdt doctor --component worker",
        "A check failed, or with `--strict` warned.",
    ),
    Command(
        "settings",
        "settings",
        "settings",
        "Print every setting, secrets hidden.",
        "fdt settings --json",
    ),
)

_COMPLETION_VARIABLE: Final = "_FDT_COMPLETE"


def build_app(loaded: Callable[[str], bool]) -> typer.Typer:
    """The application. Commands that ``loaded`` accepts are imported; the others only have their
    line of help."""
    app = typer.Typer(
        name="fdt",
        help="Firmware Distribution Tracking: where each device of an update is now, and why.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        cls=_Commands,
    )
    app.callback()(_group)
    for command in COMMANDS:
        function = command.load() if loaded(command.name) else _not_asked_for
        epilog = f"Example: {command.example}" if command.example else None
        app.command(command.name, short_help=command.help, epilog=epilog)(function)
    return app


def run(arguments: Sequence[str]) -> int:
    """Runs ``fdt`` with ``arguments``; returns the exit code. Only a :class:`UserError` is printed
    as a sentence."""
    _begin_log(arguments)
    try:
        build_app(_asked_for(arguments))(list(arguments), prog_name="fdt")
    except UserError as error:
        typer.echo(f"fdt: {printable(str(error), keep=LINES)}", err=True)
        return error.exit_code
    except ModuleNotFoundError as error:
        if (extra := extra_of(error)) is None:
            raise
        typer.echo(f"fdt: {extra}", err=True)
        return UserError.exit_code
    except _ReaderGone:
        return READER_GONE
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def main() -> None:
    """Entry point of the script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a character shows it as Python escapes it.
        sys.stdout.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    if not _all_is_read():
        # Else Python would report at its end that it cannot write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = READER_GONE
    sys.exit(code)


class _ReaderGone(Exception):
    """Standard output has no reader any more, as after ``head``: nobody is to be told."""


class _Commands(TyperGroup):
    """The commands; only the handling of a broken pipe differs from typer's."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Parses the arguments; help and version are printed here."""
        with _broken_pipe_told():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        with _broken_pipe_told():
            return super().invoke(ctx)


@contextmanager
def _broken_pipe_told() -> Iterator[None]:
    """typer would end any broken pipe quietly with 1, that of a socket of ours too."""
    try:
        yield
    except BrokenPipeError as error:
        if _is_broken(sys.stdout.fileno()):
            raise _ReaderGone from error
        raise RuntimeError("a pipe broke that is not standard output") from error


def _all_is_read() -> bool:
    """Whether standard output took all that was buffered."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True


def _is_broken(descriptor: int) -> bool:
    """Whether a pipe has no reader."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))


def _asked_for(arguments: Sequence[str]) -> Callable[[str], bool]:
    """Shell completion needs every command's options; else the first word names the command."""
    if _COMPLETION_VARIABLE in os.environ:
        return lambda _name: True
    wanted = _first_word(arguments)
    return lambda name: name == wanted


def _first_word(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if not word.startswith("-")), None)


def _begin_log(arguments: Sequence[str]) -> None:
    """Begin the log of a command that stays, before anything can be printed; the others begin
    theirs themselves."""
    if any(command.stays and command.name == _first_word(arguments) for command in COMMANDS):
        from runtime.logs.program import begin

        begin(logging.INFO, stays="--json" not in arguments)


def _print_version(asked: bool) -> None:
    if asked:
        from fdt.version import told

        typer.echo(told())
        raise typer.Exit


def _group(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version, and of what it rests on.",
        ),
    ] = False,
) -> None:
    """With a callback, one command alone would still be a group of commands."""


def _not_asked_for() -> None:
    """Stands for a command that is listed and not imported."""
