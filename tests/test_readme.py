"""Every command of the how-to pages is run, in order, against what ``make run`` starts."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from typer.main import get_command

from fdt.cli import COMMANDS, build_app
from fdt.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOW_TO: Final = (
    *(
        "query",
        "publish",
        "codes",
        "replay",
        "export",
        "analyse",
        "operate",
        "logs",
        "alerts",
        "containers",
        "verify",
        "secure-kafka",
        "registry",
        "sign-in",
    ),
)
"""The how-to pages, in the order in which their commands are run."""
PAGES: Final = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("tutorial", *(f"how-to/{name}" for name in HOW_TO))
}
WORDS: Final = "\n".join([README, *PAGES.values()])
READY_S = 120.0


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@contextmanager
def made_to_run(data: Path, port: int) -> Iterator[Path]:
    """``make run`` with a small campaign; gives its log once the broker and the API are there."""
    log = data / "up.log"
    arguments = f"--requests 2 --devices 600 --seed 7 --speed 100000 --port {port}"
    environment = {**os.environ, "FDT_DATA_DIR": str(data)}
    environment.pop("KAFKA_BOOTSTRAP_SERVERS", None)
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["make", "run", f"ARGS={arguments}"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + READY_S
        while "Everything is published." not in (said := log.read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.2)
        yield log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def test_the_commands_of_the_manual_work_in_order(tmp_path: Path) -> None:
    """One shell session from the first question to the metrics."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with made_to_run(tmp_path, port) as log:
        found = re.search(r"on this machine at (127\.0\.0\.1:\d+)", log.read_text())
        assert found, log.read_text()
        assert set(HOW_TO) == {page.stem for page in (ROOT / "docs" / "how-to").glob("*.md")}
        script = "\n".join(block for page in PAGES.values() for block in blocks(page, "sh"))
        script = script.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        script = script.replace("127.0.0.1:9092", found[1])
        script = script.replace("/tmp/", f"{tmp_path}/")
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env={**os.environ, "FDT_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=240,
        )
    assert ended.returncode == 0, ended.stdout[-2_000:] + ended.stderr
    rows = (tmp_path / "request.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == (
        "Service Request ID,Firmware Version,Device ID,Current Status,Current Status Reason,"
        "Current Status Update Time and Date"
    )
    assert len(rows) > 250
    assert "fdt_lag_events 0.0" in (tmp_path / "metrics.txt").read_text(encoding="utf-8")
    assert "00-DB-12-34-56-78-90-A0 in request 90-B3-D5-1F-30-01-00-00:" in ended.stdout
    assert " firmware.dsp.v1 " in ended.stdout


def test_the_two_commands_are_what_ci_runs() -> None:
    """A newcomer and CI do the same."""
    (first,) = blocks(README, "console")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert first == "make setup && make run\nmake test\n"
    for command in ("make setup", "make lint", "make test"):
        assert command in ci.splitlines()


def test_the_commands_named_in_the_text_exist() -> None:
    """``fdt NAME`` is a command or an option, every ``make`` target is in the Makefile."""
    options = {name for option in get_command(build_app(bool)).params for name in option.opts}
    known = {command.name for command in COMMANDS} | options
    assert set(re.findall(r"\bfdt ([a-z-]+)\b(?! \w+ is)", WORDS)) - {"up"} <= known
    targets = re.findall(
        r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(re.findall(r"\bmake ([a-z]+)\b", WORDS)) <= set(targets)
    for variable in re.findall(r"\bFDT_([A-Z_]+)\b", WORDS):
        assert variable.lower() in Settings.model_fields


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_the_links_of_the_readme_lead_somewhere(link: str) -> None:
    """No dead link."""
    assert (ROOT / link).exists(), link


def test_the_readme_fits_a_screen() -> None:
    """What, a picture, two commands, where next."""
    assert len(README.splitlines()) <= 50


def test_the_manual_is_built_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    """``make docs`` with every warning an error: a dead link, a dead anchor, a page left out."""
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.returncode == 0, built.stderr
    home = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis" not in home
    assert "tutorial.html" in home
