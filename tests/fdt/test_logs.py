"""The log of a program: UTC, one form, and nothing that a terminal would obey."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from fdt.logs import Formatter


def record(text: str) -> logging.LogRecord:
    """What somebody said at a known time."""
    found = logging.LogRecord("fdt", logging.WARNING, "", 0, text, (), None)
    found.created, found.msecs = 1_790_000_000.123, 123.0
    return found


def test_times_are_utc_wherever_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the Z that says so: the log stands beside the broker's times."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert Formatter().format(record("ready")) == "2026-09-21T14:13:20.123Z WARNING ready"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_others_wrote_moves_no_cursor() -> None:
    """Lines of a traceback stay; a control sequence of a publisher does not."""
    said = Formatter().format(record("a key \x1b[2J\r\x9b31m\n\tat a line"))
    assert said.endswith("a key \\x1b[2J\\r\\x9b31m\n\tat a line")


def test_only_one_place_sets_up_a_log() -> None:
    """A program that did it by itself would log in local time."""
    users = [file for file in Path("fdt").rglob("*.py") if "basicConfig" in file.read_text("utf-8")]
    assert users == [Path("fdt/logs.py")]
