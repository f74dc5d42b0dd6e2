"""The command line: quick help, one sentence for what can be mended, a traceback for a defect."""

from __future__ import annotations

import inspect
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version

import pytest

from fdt import cli
from fdt.cli import COMMANDS, Command, run
from fdt.errors import RunFailed, UserError
from fdt.version import RESTS_ON

HEAVY = ("confluent_kafka", "fastapi", "faust", "pydantic", "rocksdict", "sources")


def refuse() -> None:
    """Stands for a command that meets something a person can mend."""
    raise UserError("The disk is full: make room.")


def fail() -> None:
    """Stands for a command whose work fails."""
    raise RunFailed("3 items differ.")


def interrupt() -> None:
    """Stands for a command that is ended with Ctrl-C."""
    raise KeyboardInterrupt


def lose_connection() -> None:
    """Stands for a command whose own connection broke."""
    raise BrokenPipeError


def break_down() -> None:
    """Stands for a command with a defect."""
    raise ZeroDivisionError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of the commands above."""
    functions = {
        "refuse": refuse,
        "fail": fail,
        "break": break_down,
        "interrupt": interrupt,
        "lose": lose_connection,
    }
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


@pytest.mark.usefixtures("commands")
def test_ctrl_c_ends_a_command_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit code that shells give it."""
    assert run(["interrupt"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("commands")
def test_a_connection_that_breaks_is_a_defect(capfd: pytest.CaptureFixture[str]) -> None:
    """Only a reader of our output may go away unsaid."""
    with pytest.raises(RuntimeError, match="not standard output"):
        run(["lose"])


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["at the end", "in the command"])
@pytest.mark.parametrize("words", [["codes"], ["settings"], ["--help"], ["--version"]])
def test_a_reader_that_goes_away_ends_a_command_quietly(words: list[str], unbuffered: str) -> None:
    """As in ``fdt codes | head -1``: nothing is said, and the code is that of SIGPIPE."""
    reads, writes = os.pipe()
    os.close(reads)
    ended = subprocess.run(
        [sys.executable, "-m", "fdt", *words],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writes)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_an_alphabet_without_a_sign_is_no_defect() -> None:
    """An old terminal, or a cron job without a locale: the sign is shown as Python writes it."""
    ended = subprocess.run(
        [sys.executable, "-m", "fdt", "codes"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert rb"E1101\u2026" in ended.stdout


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    """Then Python's, and that of what it rests on."""
    assert run(["--version"]) == 0
    first, second, *others = capsys.readouterr().out.splitlines()
    assert first == f"firmware-distribution-tracking {version('firmware-distribution-tracking')}"
    assert second == f"Python {platform.python_version()}"
    assert [line.split()[0] for line in others] == list(RESTS_ON)


def test_an_unknown_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """And names it."""
    assert run(["nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_settings_are_printed_with_name_and_meaning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fdt settings` shows what is in force."""
    monkeypatch.setenv("FDT_PAGE_LIMIT", "123")
    assert run(["settings"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "FDT_PAGE_LIMIT" in line)
    assert "123" in line
    assert "Most items in one page" in line
