"""What a person can mend is one sentence, never a stack trace: of programs that stay, as JSON."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from runtime.alone import only_one

AWAY: Final = "127.0.0.1:1"


@dataclass(frozen=True)
class Fault:
    """A command that cannot work, and what its last words have to say."""

    command: str
    told: str
    settings: Mapping[str, str] = field(default_factory=dict)
    broken: Callable[[Path], Mapping[str, str]] = lambda _: {}
    """Breaks something in a folder; the settings that lead there."""
    needs_broker: bool = False


def _file_for_a_folder(folder: Path) -> Mapping[str, str]:
    (folder / "data").write_text("not a folder")
    return {"FDT_DATA_DIR": str(folder / "data")}


def _bad_catalogue(folder: Path) -> Mapping[str, str]:
    (folder / "codes.toml").write_text("version = ")
    return {"FDT_CATALOGUE_PATH": str(folder / "codes.toml")}


_KEPT: Final[list[socket.socket]] = []
"""Ports that somebody has, until the end of a test."""


def _port(name: str) -> Callable[[Path], Mapping[str, str]]:
    """A port that somebody has."""

    def broken(_: Path) -> Mapping[str, str]:
        holder = socket.socket()
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        _KEPT.append(holder)
        return {name: str(holder.getsockname()[1])}

    return broken


def _empty_key(folder: Path) -> Mapping[str, str]:
    (folder / "key").write_text("\n")
    return {"FDT_LOG_KEY_FILE": str(folder / "key"), "FDT_LOG_DEVICE_IDS": "hashed"}


PRODUCTION: Final = {"FDT_PROFILE": "production"}
FAULTS: Final = {
    "process, unknown setting": Fault(
        "process", "did you mean FDT_RETENTION", {"FDT_RETENTON": "1"}
    ),
    "process, no such key": Fault("process", "is empty", broken=_empty_key),
    "process, folder is a file": Fault(
        "process", "FDT_DATA_DIR", broken=_file_for_a_folder, needs_broker=True
    ),
    "process, catalogue": Fault(
        "process", "Cannot use the code catalogue", broken=_bad_catalogue, needs_broker=True
    ),
    "process, its port": Fault(
        "process", "FDT_PROCESSOR_PORT", broken=_port("FDT_PROCESSOR_PORT"), needs_broker=True
    ),
    "serve, its port": Fault(
        "serve", "FDT_API_PORT", {"KAFKA_BOOTSTRAP_SERVERS": AWAY}, _port("FDT_API_PORT")
    ),
    "serve, catalogue": Fault(
        "serve", "Cannot use", {"KAFKA_BOOTSTRAP_SERVERS": AWAY}, _bad_catalogue
    ),
    "serve, folder is a file": Fault(
        "serve", "FDT_DATA_DIR", {"KAFKA_BOOTSTRAP_SERVERS": AWAY}, _file_for_a_folder
    ),
    "serve, nobody can sign in": Fault(
        "serve", "FDT_OIDC_ISSUER", {"KAFKA_BOOTSTRAP_SERVERS": AWAY, **PRODUCTION}
    ),
    "serve, unknown option": Fault("serve --bogus", "No such option"),
}


def ended(
    command: str, folder: Path, settings: Mapping[str, str]
) -> tuple[int, list[dict[str, object]]]:
    """Exit code and every event of a program, on both outputs."""
    bare = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"}
    done = subprocess.run(
        [sys.executable, "-m", "fdt", *command.split()],
        env={**bare, "FDT_LOG_FORMAT": "json", "FDT_DATA_DIR": str(folder / "state"), **settings},
        capture_output=True,
        text=True,
        timeout=90,
    )
    return done.returncode, [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]


@pytest.mark.parametrize("name", FAULTS)
def test_a_sentence_says_how_to_mend_it(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """And every line of it is an event."""
    fault = FAULTS[name]
    settings = {**fault.settings, **fault.broken(tmp_path)}
    if fault.needs_broker:
        settings["KAFKA_BOOTSTRAP_SERVERS"] = request.getfixturevalue("fresh_topics")
    code, events = ended(fault.command, tmp_path, settings)
    while _KEPT:
        _KEPT.pop().close()
    assert code in (1, 2), events
    assert all({"timestamp", "level", "logger", "event"} <= event.keys() for event in events)
    assert [event for event in events if "exception" in event] == []
    said = " ".join(str(event["event"]) for event in events)
    assert fault.told in said
    assert "Traceback" not in said
    assert events[-1]["level"] in ("error", "critical", "info")


def test_a_folder_in_use_is_a_sentence(tmp_path: Path) -> None:
    """With the process that has it."""
    with only_one(tmp_path / "state" / "view-0.lock", "FDT_READ_VIEW_NAME"):
        code, events = ended("serve", tmp_path, {"KAFKA_BOOTSTRAP_SERVERS": AWAY})
    assert code == 2
    assert f"Process {os.getpid()} on this machine works in" in str(events[-1]["event"])
    assert not any("exception" in event for event in events)
