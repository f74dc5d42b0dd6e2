"""Alerts from real faults: a real Prometheus scrapes a system that is broken on purpose."""

from __future__ import annotations

from pathlib import Path

from fdt.brokers.local import LocalKafka
from schemas.topics import DSP_EVENTS
from sources.planning.plan import build_plan
from tests.monitoring.running import system, until
from tests.support.plans import publish
from tests.support.topics import create_anew, grow


def test_real_faults_are_told(tmp_path: Path) -> None:
    """A topic grows, the worker is killed, events wait, the broker ends: each is an alert."""
    with (
        LocalKafka(tmp_path / "kafka", heap_mb=256) as kafka,
        system(_with_topics(kafka), tmp_path) as running,
    ):
        ask = running.prometheus
        ask.until_nothing_fires("FdtPartitionsUnread", "FdtNoWorker", "FdtBrokerAway")
        grow(running.bootstrap, DSP_EVENTS, 8)
        ask.until_firing("FdtPartitionsUnread", "FdtPartNotWorking", "FdtNotReady")
        running.worker.kill()
        ask.until_firing("FdtNoWorker", "FdtWorkerDown")
        publish(build_plan(seed=11, requests=1, devices=20), running.bootstrap, 4)
        until(lambda: ask.holds("fdt_waiting_events > 0"))
        kafka.stop()
        ask.until_firing("FdtBrokerAway")


def _with_topics(kafka: LocalKafka) -> str:
    create_anew(kafka.bootstrap_servers)
    return kafka.bootstrap_servers
