"""The broker of the tests in a container, on a real engine: ``make containers ARGS=--broker``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fdt.brokers.admin import silence
from fdt.brokers.container import IMAGE
from fdt.brokers.finding import ContainerBroker, choose_broker
from fdt.errors import RunFailed
from fdt.kafka.topics import create_missing, differences, specs_of
from fdt.settings import Settings
from runtime.kafka import admin_client
from tests.containers.engine import ROOT, docker
from tests.containers.system import until

ALSO = (
    "tests/fdt/brokers/test_choosing.py",
    "tests/fdt/commands/test_topics_command.py",
    "tests/processor/test_on_kafka.py",
    "tests/runtime/test_topics_watch.py",
    "tests/test_broker_of_others.py",
)
"""Tests of the standard run that are run with such a broker too."""
KILLED = """
from fdt.brokers.finding import choose_broker
from fdt.settings import Settings
choose_broker(Settings(), for_tests=True).start()
print("started", flush=True)
input()
"""


def _running() -> set[str]:
    """By name of the image: not every engine takes a short one as a filter."""
    lines = docker(["ps", "--all", "--format", "{{.ID}} {{.Image}}"]).splitlines()
    return {line.split()[0] for line in lines if line.endswith(IMAGE)}


def test_it_is_what_tests_are_given_and_leaves_nothing(tmp_path: Path) -> None:
    """A broker that answers where it says, under the settings that were asked for."""
    before = _running()
    extra = {"log.cleaner.backoff.ms": "500"}
    chosen = choose_broker(Settings(), for_tests=True, folder=tmp_path, extra=extra)
    assert isinstance(chosen, ContainerBroker)
    with chosen:
        chosen.require_running()
        assert "in a container" in chosen.describe()
        brokers = admin_client(chosen.bootstrap_servers).list_topics(timeout=10).brokers
        told = {f"{broker.host}:{broker.port}" for broker in brokers.values()}
        assert told == {chosen.bootstrap_servers}
        assert len(_running() - before) == 1
    assert _running() == before


def test_one_that_is_started_again_has_its_data() -> None:
    """As a node that a machine's restart ended: its folder is not formatted twice."""
    before, specs = _running(), specs_of(Settings())
    with ContainerBroker() as broker:
        (container,) = _running() - before
        client = admin_client(broker.bootstrap_servers)
        create_missing(broker.bootstrap_servers, specs)
        docker(["restart", container])
        until(lambda: silence(client, 1.0) is None, "it answers again")
        assert differences(broker.bootstrap_servers, specs) == []
        broker.require_running()


def test_one_that_ended_is_told() -> None:
    """As of every broker that we started."""
    before = _running()
    with ContainerBroker() as broker:
        (container,) = _running() - before
        docker(["kill", container])
        with pytest.raises(RunFailed, match="has ended"):
            broker.require_running()


def test_a_run_that_is_killed_leaves_none_behind() -> None:
    """testcontainers' own container sees that it has gone."""
    before = _running()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert "started" in program.stdout.readline()
        assert len(_running() - before) == 1
        program.send_signal(signal.SIGKILL)
    until(lambda: _running() == before, "what it left is removed")
