"""A worker, a read side and publishers with JSON logs: every line of both outputs is an event.

Also what Faust, librdkafka and Python itself say, a child that is killed, and a fatal end. Device
identifiers are hashed, by one key: one device has one name in all of them. Then, with all of it
running, ``fdt doctor`` finds nothing.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from fdt.processes.children import free_port
from runtime import kafka
from schemas.codec import Codec
from schemas.topics import DSP_EVENTS, STATUS
from tests.support.events import DEVICE, dsp_event
from tests.support.processes import running
from tests.support.read_side import service_centre, until_answered

WITHIN_S: Final = 120.0
"""A loaded machine takes long to start six programs."""
KEY: Final = b"k" * 32
EUI: Final = re.compile(r"(?:[0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2}")

Events = list[dict[str, Any]]


@pytest.fixture
def settings(fresh_topics: str, tmp_path: Path) -> dict[str, str]:
    """Of every program."""
    key = tmp_path / "key"
    key.write_bytes(KEY)
    key.chmod(0o600)
    return {
        "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
        "FDT_DATA_DIR": str(tmp_path / "data"),
        "FDT_API_PORT": str(free_port()),
        "FDT_PROCESSOR_PORT": str(free_port()),
        "FDT_IDLE_CONTROL_INTERVAL": "PT2S",
        "FDT_LOG_FORMAT": "json",
        "FDT_LOG_LEVEL": "debug",
        "FDT_LOG_DEVICE_IDS": "hashed",
        "FDT_LOG_KEY_FILE": str(key),
        "PYTHONWARNINGS": "default",
    }


def events(log: Path) -> Events:
    """Every line, each of which must be an event without an identifier in it."""
    told = [json.loads(line) for line in log.read_text().splitlines()]
    for event in told:
        assert {"timestamp", "level", "logger", "event"} <= event.keys(), event
        assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", event["timestamp"])
    assert EUI.findall(log.read_text()) == []
    return told


def until(log: Path, told: Callable[[dict[str, Any]], bool], times: int = 1) -> None:
    """Wait for events of a kind; a line that is not finished is not looked at."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        whole = log.read_text().rpartition("\n")[0].splitlines() if log.exists() else []
        if sum(map(told, map(json.loads, whole))) >= times:
            return
        assert time.monotonic() < deadline, log.read_text()[-3_000:]
        time.sleep(0.1)


def said(words: str) -> Callable[[dict[str, Any]], bool]:
    """Events with these words."""
    return lambda event: words in event["event"]


def worker_of(supervisor: int) -> int:
    """Process id of the worker under ``fdt process --workers 1``."""
    told = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(supervisor)], capture_output=True, text=True
    )
    (line,) = [line for line in told.stdout.splitlines() if " fdt process" in line]
    return int(line.split()[0])


def test_every_line_of_every_program_is_an_event(settings: dict[str, str], tmp_path: Path) -> None:
    """From the start over a kill to the end."""
    logs = {name: tmp_path / f"{name}.log" for name in ("workers", "serve", "simulate")}
    address = settings["KAFKA_BOOTSTRAP_SERVERS"]
    with (
        running("process", "--workers", "1", log=logs["workers"], **settings) as workers,
        running("serve", log=logs["serve"], **settings),
    ):
        until(logs["workers"], said("goes on at"), 4)
        _publish_bad_and_good(address)
        with service_centre(Path(settings["FDT_DATA_DIR"]), int(settings["FDT_API_PORT"])) as api:
            until_answered(api, DEVICE, WITHIN_S)
            api.get(f"/v1/devices/{DEVICE}/nothing", headers={"X-Request-Id": "mine"})
            api.get("/healthz")
        os.kill(worker_of(workers.pid), signal.SIGKILL)
        until(logs["workers"], said("ended with signal SIGKILL"))
        until(logs["workers"], said("goes on at"), 8)
        with running(
            *("simulate", "--requests=1", "--devices=8", "--speed=1000000"),
            log=logs["simulate"],
            **settings,
        ) as simulate:
            assert simulate.wait(WITHIN_S) == 0, logs["simulate"].read_text()
        _the_doctor_finds_nothing(settings)
    _told_by_workers(events(logs["workers"]))
    _told_by_the_read_side(events(logs["serve"]))
    assert any(said("Published ")(event) for event in events(logs["simulate"]))


def _publish_bad_and_good(address: str) -> None:
    """An event that counts, and one whose dead letter names the device."""
    producer = kafka.producer(address, "dsp")
    for change in ({}, {"code": "NEVER-HEARD-OF"}):
        producer.produce(DSP_EVENTS, Codec().encode("DspEvent", dsp_event(**change)), DEVICE)
    assert producer.flush(30) == 0


def _told_by_workers(told: Events) -> None:
    assert {event["program"] for event in told} == {"processor"}
    resumed = [event for event in told if said("goes on at")(event)]
    assert {event["partition"] for event in resumed} == {0, 1, 2, 3}
    assert {event["logger"] for event in resumed} == {"processor.partition.resumption"}
    assert all(isinstance(event["offset"], int) for event in resumed)
    assert not any("exception" in event for event in told)


def _told_by_the_read_side(told: Events) -> None:
    assert any(said("Read side on http://")(event) for event in told)
    answers = [event for event in told if event["logger"] == "query_api.access"]
    looked_up = [event for event in answers if event["route"] == "/v1/devices/{device_id}"]
    assert looked_up[-1].items() >= {"level": "info", "method": "GET", "status": 200}.items()
    assert {event["level"] for event in answers if event["route"] == "/healthz"} == {"debug"}
    assert "mine" in {event["request_id"] for event in answers}
    assert all(event["request_id"] for event in answers)
    assert any(event.get("topic") == STATUS for event in told)


def _the_doctor_finds_nothing(settings: dict[str, str]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        ended = subprocess.run(
            [sys.executable, "-m", "fdt", "doctor", "--json"],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=90,
        )
        found = [json.loads(line) for line in ended.stdout.splitlines()]
        bad = [one for one in found if one["state"] in ("warning", "failure")]
        if ended.returncode == 0 and {one["check"] for one in bad} <= {"dead-letters"}:
            break
        assert time.monotonic() < deadline, bad or ended.stderr
    states = {one["check"]: one["state"] for one in found}
    assert states.items() >= {"worker": "ok", "read-side": "ok", "clock": "ok"}.items()
    assert ended.stderr.count("Failures: 0") == 1


def test_a_publisher_says_how_far_it_is_and_why_it_ends(settings: dict[str, str]) -> None:
    """As its parent reads it, and as a log."""
    ran = _published(settings, "--requests=1", "--devices=8", "--speed=1000000")
    assert ran[-1].items() >= {"logger": "sources.program", "level": "info"}.items()
    assert ran[-1]["published"] == ran[-1]["of"] > 0
    away = _published({**settings, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "--requests=1")
    assert away[-1]["level"] == "error"


def _published(settings: dict[str, str], *words: str) -> Events:
    ended = subprocess.run(
        [sys.executable, "-m", "sources.dsp", *words],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=90,
    )
    return [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]


def test_what_a_kafka_client_says_by_itself_is_an_event(fresh_topics: str) -> None:
    """librdkafka writes to standard error, unless it is told where."""
    script = (
        "import logging\n"
        "from runtime import kafka\n"
        "from runtime.logs.program import begin\n"
        "begin(logging.INFO, stays=True)\n"
        "loud = {'log_level': 7, 'debug': 'broker'}\n"
        "for address in ('127.0.0.1:1', '%s'):\n"
        "    for made in (kafka.producer(address, 'p', loud), kafka.admin_client(address, loud)):\n"
        "        for _ in range(5): made.poll(0.1)\n"
        "    made = kafka.consumer(address, 'g', loud)\n"
        "    made.poll(0.5)\n"
        "    made.close()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script % fresh_topics],
        env={**os.environ, "FDT_LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]
    assert {event["logger"] for event in told} == {"librdkafka"}
    assert any("Connection refused" in event["event"] for event in told)
