"""``fdt doctor`` as a command: its two forms, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import pytest

from fdt.commands.health.doctor import FindingLine
from fdt.doctor.table import CHECKS
from tests.support.terminal import Ended, called

AWAY: Final = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "FDT_API_PORT": "1"}


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Settings without a broker."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    return {"FDT_DATA_DIR": str(tmp_path), "FDT_API_PORT": "1"}


def lines(ended: Ended) -> list[FindingLine]:
    """What it said for programs."""
    return [msgspec.convert(json.loads(line), FindingLine) for line in ended.out.splitlines()]


def test_every_check_has_a_line_for_people_and_for_programs(nowhere: Mapping[str, str]) -> None:
    """In the order of the table, with the same exit code; the sum is for people."""
    plain, told = called("doctor", **nowhere), called("doctor", "--json", **nowhere)
    assert plain.code == told.code == 0, plain.out
    assert list(dict.fromkeys(line.check for line in lines(told))) == [one.name for one in CHECKS]
    heading, *rows = [row.split("\t") for row in plain.out.splitlines() if "\t" in row]
    assert heading == ["Check", "State", "Found", "How to mend it"]
    assert [row[0] for row in rows] == [line.check for line in lines(told)]
    assert told.err.startswith("Failures: 0, warnings: 1, ok: ")


def test_a_warning_counts_only_if_asked(nowhere: Mapping[str, str]) -> None:
    """No read side runs here."""
    assert called("doctor", "--strict", "--json", **nowhere).code == 1


def test_a_failure_is_exit_code_1() -> None:
    """With the way to mend it; what needs a broker is not looked at."""
    ended = called("doctor", "--json", **AWAY)
    assert ended.code == 1
    failed = [line for line in lines(ended) if line.state == "failure"]
    assert [line.check for line in failed] == ["broker"]
    assert "KAFKA_BOOTSTRAP_SERVERS" in (failed[0].mend or "")


def test_a_component_that_there_is_not_is_refused() -> None:
    """With those that there are."""
    ended = called("doctor", "--component", "wrker")
    assert ended.code == 2
    assert "publisher-dsp" in ended.err
