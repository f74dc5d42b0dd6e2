"""Each fault, planted on real parts, is found by its own check, and no other check fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Producer

from fdt.doctor import broker as broker_checks
from fdt.doctor.findings import Asked
from fdt.settings import Settings
from runtime.alone import only_one
from schemas import headers
from schemas.topics import AUDIT, CSP_EVENTS, DEAD_LETTERS, DSP_EVENTS, STATUS
from tests.fdt.doctor.report import Report, wait_until
from tests.support.topics import create_anew, delete, set_config

Patch = pytest.MonkeyPatch
Found = list[tuple[str, str]]


@pytest.mark.usefixtures("system")
def test_where_all_is_well_nothing_is_found() -> None:
    """Every check has something to say all the same."""
    report = Report()
    assert report.not_well == []
    states = {name: one.state for name, one in report.found}
    assert states == {
        **dict.fromkeys(
            ("settings", "broker", "broker-version", "rights", "topics", "dead-letters"), "ok"
        ),
        **dict.fromkeys(("catalogue", "folders", "limits"), "ok"),
        **dict.fromkeys(
            ("registry", "identity-provider", "certificates", "worker"), "not-configured"
        ),
        "clock": "not-checked",
        "read-side": "warning",
    }


SETTINGS: Final[dict[str, tuple[dict[str, str], Found, str]]] = {
    "a misspelt name": ({"FDT_RETENTON": "1"}, [("settings", "failure")], "FDT_RETENTION"),
    "a contradiction": ({"FDT_EVENT_RETENTION": "P1D"}, [("settings", "failure")], "shorter"),
    "no broker": ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, [("broker", "failure")], "refused"),
    "too few brokers": ({"FDT_REPLICATION": "3"}, [("broker", "failure")], "FDT_REPLICATION"),
    "another number": (
        {"FDT_PARTITIONS": "8"},
        [*[("topics", "failure")] * 6, *[("topics", "warning")] * 2],
        "should be 8",
    ),
    "another retention": ({"FDT_AUDIT_RETENTION": "P9D"}, [("topics", "warning")], AUDIT),
    "no catalogue": ({"FDT_CATALOGUE_PATH": "/no.toml"}, [("catalogue", "failure")], "/no.toml"),
    "no disk": ({"FDT_LEAST_FREE_MB": "999999999"}, [("folders", "failure")], "Make room"),
    "no memory": ({"FDT_STORE_MEMORY_MB": "99999999"}, [("limits", "failure")], "lower"),
    "no registry": ({"SCHEMA_REGISTRY_URL": "http://127.0.0.1:1"}, [("registry", "failure")], ""),
    "no provider": (
        {"FDT_OIDC_ISSUER": "http://127.0.0.1:1"},
        [("identity-provider", "failure")],
        "FDT_OIDC_ISSUER",
    ),
    "no key of hashes": (
        {"FDT_LOG_DEVICE_IDS": "hashed"},
        [("settings", "warning")],
        "FDT_LOG_KEY_FILE",
    ),
    "no worker": ({"FDT_PROCESSOR_PORT": "1"}, [("worker", "warning")], "fdt process"),
}


@pytest.mark.parametrize("fault", SETTINGS)
@pytest.mark.usefixtures("system")
def test_a_setting_that_does_not_fit(fault: str, monkeypatch: Patch) -> None:
    """By its check alone, with a way to mend it."""
    settings, found, words = SETTINGS[fault]
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    report = Report()
    assert report.not_well == found
    assert words in report.said(found[0][0])


def test_production_is_looked_at_more_strictly(system: str, monkeypatch: Patch) -> None:
    """Clear text, one copy, nobody who could sign in."""
    monkeypatch.setenv("FDT_PROFILE", "production")
    report = Report()
    assert report.not_well == [
        ("settings", "warning"),
        ("settings", "warning"),
        ("identity-provider", "failure"),
    ]


@pytest.mark.parametrize(
    ("topic", "setting", "value", "state"),
    [
        (STATUS, "cleanup.policy", "delete", "failure"),
        (DSP_EVENTS, "message.timestamp.type", "CreateTime", "failure"),
        (CSP_EVENTS, "retention.ms", "86400000", "failure"),
        (AUDIT, "retention.ms", "86400000", "warning"),
    ],
)
def test_a_topic_that_was_changed(
    system: str, topic: str, setting: str, value: str, state: str
) -> None:
    """As serious as the worker takes it."""
    set_config(system, topic, setting, value)
    try:
        report = Report()
        assert report.not_well == [("topics", state)]
        assert f"{topic}: {setting} is {value}" in report.said("topics")
    finally:
        create_anew(system)


def test_a_topic_that_is_not_there(system: str) -> None:
    """With the command that makes it."""
    delete(system, AUDIT)
    try:
        report = Report()
        assert report.not_well == [("topics", "failure")]
        assert "Run 'fdt topics'" in report.said("topics")
    finally:
        create_anew(system)


def test_dead_letters_that_wait_for_somebody(system: str) -> None:
    """A code that the catalogue does not know, a defect; what is none at all."""
    producer = Producer({"bootstrap.servers": system})
    for reason in ("unknown-code", "defect", "ineligible-device"):
        told = {
            headers.DL_TOPIC: DSP_EVENTS,
            headers.DL_PARTITION: "3",
            headers.DL_OFFSET: "17",
            headers.DL_TIMESTAMP: "1790000000123",
            headers.DL_REASON: reason,
            headers.DL_DETAIL: "DSP code X1 is not known: add it",
        }
        producer.produce(
            DEAD_LETTERS, b"x", b"k", 0, headers=[(n, v.encode()) for n, v in told.items()]
        )
    assert producer.flush(30) == 0
    try:
        report = Report()
        assert report.not_well == [
            ("dead-letters", "warning"),
            ("dead-letters", "warning"),
        ]
        words = report.said("dead-letters")
        assert "1 records have codes that the catalogue does not know: DSP code X1" in words
        assert f"the newest at {DSP_EVENTS}[3] offset 17" in words
        producer.produce(DEAD_LETTERS, b"no letter", b"k", 0)
        assert producer.flush(30) == 0
        report = Report()
        assert report.not_well == [("dead-letters", "failure")]
    finally:
        create_anew(system)


@pytest.mark.parametrize(("ahead_s", "state"), [(-60, "ok"), (10, "warning"), (100, "failure")])
def test_a_broker_from_the_future(system: str, ahead_s: float, state: str) -> None:
    """What it has stored already tells how far it is ahead of us."""
    producer = Producer({"bootstrap.servers": system})
    producer.produce(STATUS, b"x", b"k", 0)
    assert producer.flush(30) == 0
    wait_until(lambda: clock_ahead(ahead_s) != "not-checked")
    assert clock_ahead(ahead_s) == state
    create_anew(system)


def clock_ahead(seconds: float) -> str:
    """What is found where this machine's clock is behind."""
    now = datetime.now(UTC).timestamp()
    (found,) = broker_checks.clock(Asked(Settings()), lambda: now - seconds)
    return found.state


# --- folders and limits ---


def condemned(folder: Path) -> None:
    """A view from which something damaged was read."""
    (folder / "view-0").mkdir()
    (folder / "view-0" / "SET-ASIDE").write_text("a bad block")


def damaged(folder: Path) -> None:
    """A store whose manifest is gone."""
    store = folder / "worker-0" / "partition-3"
    store.mkdir(parents=True)
    (store / "CURRENT").write_text("MANIFEST-000005\n")


def set_aside(folder: Path) -> None:
    """What a worker kept of a damaged store."""
    (folder / "worker-0" / "partition-3.aside-1").mkdir(parents=True)


@pytest.mark.parametrize("break_it", [condemned, damaged, set_aside])
@pytest.mark.usefixtures("system")
def test_a_store_that_is_not_gone_on_from(break_it: Callable[[Path], None], tmp_path: Path) -> None:
    """Nothing is lost: it is made anew."""
    break_it(tmp_path)
    report = Report()
    assert report.not_well == [("folders", "warning")]


@pytest.mark.usefixtures("system")
def test_a_data_folder_that_is_a_file(tmp_path: Path, monkeypatch: Patch) -> None:
    """Nothing could be kept."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FDT_DATA_DIR", str(tmp_path / "file" / "data"))
    report = Report()
    assert report.not_well == [("folders", "failure")]


@pytest.mark.usefixtures("system")
def test_who_works_in_a_folder(tmp_path: Path) -> None:
    """Another process's lock is told with its id, and is not touched."""
    lock = tmp_path / "worker-0" / "lock"
    code = (
        "import sys; from pathlib import Path; from runtime.alone import only_one\n"
        "with only_one(Path(sys.argv[1]), 'X'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        report = Report()
        assert f"used by process {holder.pid};" in report.said("folders")
        assert report.not_well == []
    assert f"{tmp_path / 'worker-0'} is used by nobody" in Report().said("folders")
    with only_one(lock, "X"):
        pass


@pytest.mark.usefixtures("system")
def test_too_few_files_may_be_open() -> None:
    """As one process of its own that may open no more."""
    ended = subprocess.run(
        ["prlimit", "--nofile=200:200", sys.executable, "-m", "fdt", "doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=90,
    )
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["check"] for one in found if one["state"] == "failure"] == ["limits"]
    assert ended.returncode == 1
