"""``fdt broker`` runs a Kafka for as long as somebody wants it, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fdt.brokers.admin import admin_client, silence
from fdt.cli import run


def test_it_prints_its_address_and_stops_when_told(tmp_path: Path) -> None:
    """The line can be put into the environment as it is; SIGTERM ends it with 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fdt", "broker"],
        env={**os.environ, "FDT_DATA_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        lines = iter(process.stdout.readline, "")
        address = next(line for line in lines if line.startswith("KAFKA_BOOTSTRAP_SERVERS="))
        bootstrap = address.strip().partition("=")[2]
        assert silence(admin_client(bootstrap), 10) is None
        process.send_signal(signal.SIGTERM)
        assert list(lines) == ["Kafka has stopped.\n"]
    assert process.wait(30) == 0
    assert silence(admin_client(bootstrap), 0.5) is not None


def test_it_can_only_fetch_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--prefetch downloads, says so, and leaves the data folder alone."""
    monkeypatch.setenv("FDT_DATA_DIR", str(tmp_path))
    assert run(["broker", "--prefetch"]) == 0
    assert capsys.readouterr().out.endswith("Apache Kafka is here: 46 jars.\n")
    assert list(tmp_path.iterdir()) == []
