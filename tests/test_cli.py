"""The command line: quick help, one sentence for what can be mended, a traceback for a defect."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time

import pytest

from fdt import cli
from fdt.cli import COMMANDS, Command, run
from fdt.errors import RunFailed, UserError

HEAVY = ("confluent_kafka", "fastapi", "faust", "pydantic", "rocksdict", "sources")


def refuse() -> None:
    """Stands for a command that meets something a person can mend."""
    raise UserError("The disk is full: make room.")


def fail() -> None:
    """Stands for a command whose work fails."""
    raise RunFailed("3 items differ.")


def break_down() -> None:
    """Stands for a command with a defect."""
    raise ZeroDivisionError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of the commands above."""
    functions = {"refuse": refuse, "fail": fail, "break": break_down}
    table = tuple(Command(name, "", name, "") for name in functions)
    monkeypatch.setattr(cli, "COMMANDS", table)
    monkeypatch.setattr(Command, "load", lambda self: functions[self.name])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_of_the_table_is_there(command: Command) -> None:
    """Its module has the function, and the function says what it does."""
    assert inspect.getdoc(command.load())
    assert command.help.endswith(".")


def test_help_lists_every_command_without_importing_one() -> None:
    """So it comes at once, whatever the commands weigh."""
    script = (
        "import sys, fdt.cli\n"
        "code = fdt.cli.run(['--help'])\n"
        f"sys.exit(code or ','.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    )
    begun = time.monotonic()
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert all(f"  {command.name} " in answer.stdout for command in COMMANDS)
    assert time.monotonic() - begun < 5


@pytest.mark.usefixtures("commands")
def test_what_a_person_can_mend_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, with exit code 2."""
    assert run(["refuse"]) == 2
    assert capsys.readouterr() == ("", "fdt: The disk is full: make room.\n")


@pytest.mark.usefixtures("commands")
def test_work_that_failed_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts can tell it from a wrong call."""
    assert run(["fail"]) == 1
    assert capsys.readouterr().err == "fdt: 3 items differ.\n"


@pytest.mark.usefixtures("commands")
def test_a_defect_keeps_its_traceback() -> None:
    """Only our own class of errors is made a sentence."""
    with pytest.raises(ZeroDivisionError):
        run(["break"])


def test_an_unknown_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """And names it."""
    assert run(["nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_settings_are_printed_with_name_and_meaning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fdt settings` shows what is in force."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("FDT_PAGE_LIMIT", "123")
    assert run(["settings"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "FDT_PAGE_LIMIT" in line)
    assert "123" in line
    assert "Most items in one page" in line
