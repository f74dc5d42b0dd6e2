"""A whole simulation on a real broker: everything arrives, once each, where it belongs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from fdt.brokers.finding import Broker
from fdt.commands import simulate as command
from fdt.errors import RunFailed, UserError
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from fdt.up import simulation
from schemas.topics import SOURCE_TOPICS
from sources.planning.events import Malformed, Publication
from sources.planning.plan import Plan, build_plan
from tests.sources.planning.counting import counts_of

SEED, REQUESTS, DEVICES, SPEED = 4711, 2, 50, 100_000.0


@pytest.fixture
def environment(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that name the broker and an own data folder; the topics exist."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("FDT_DATA_DIR", str(tmp_path))
    settings = Settings()
    ensure_topics(broker.bootstrap_servers, specs_of(settings))
    return settings


class Tail:
    """What is added to the source topics after this was made: the broker may hold older runs."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "test-read-back",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        metadata = self._consumer.list_topics(timeout=15)
        self._partitions = [
            TopicPartition(topic, number, self._end(topic, number))
            for topic in SOURCE_TOPICS.values()
            for number in metadata.topics[topic].partitions
        ]

    def _end(self, topic: str, number: int) -> int:
        partition, deadline = TopicPartition(topic, number), time.monotonic() + 15
        while True:
            try:
                return int(self._consumer.get_watermark_offsets(partition, timeout=15)[1])
            except KafkaException as error:
                # A topic that was just created has no leader for a moment.
                led = error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION
                if led or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def read(self, wanted: set[str]) -> list[Message]:
        """The added records whose ``ce_id`` is among ``wanted``, to the topics' ends."""
        self._consumer.assign(self._partitions)
        found, ends = [], 0
        while ends < len(self._partitions):
            for record in self._consumer.consume(1000, timeout=1):
                if record.error() is not None:
                    ends += 1
                elif ce_id(record) in wanted:
                    found.append(record)
        self._consumer.close()
        return found


def ce_id(record: Message) -> str:
    """The CloudEvents ID of a record."""
    value = dict(record.headers() or [])["ce_id"]
    assert isinstance(value, bytes)
    return value.decode()


def identifier(publication: Publication) -> str:
    """The ``ce_id`` of a publication."""
    content = publication.content
    return content.malformed_id if isinstance(content, Malformed) else content.event_id


def identifiers(plan: Plan) -> set[str]:
    """Every ``ce_id`` of a plan."""
    return set(map(identifier, plan.publications))


@pytest.mark.timeout(120)
def test_a_simulation_publishes_its_plan(
    environment: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each record as often as planned, on its source's topic, received in event time's reach."""
    assert environment.kafka_bootstrap_servers is not None
    tail = Tail(environment.kafka_bootstrap_servers)
    command.simulate(requests=REQUESTS, devices=DEVICES, seed=SEED, speed=SPEED)
    plan = build_plan(SEED, REQUESTS, DEVICES)
    total = len(plan.publications)
    assert f"Published {total:,} of {total:,} records." in capsys.readouterr().out

    records = tail.read(identifiers(plan))
    assert Counter(map(ce_id, records)) == Counter(identifier(p) for p in plan.publications)
    by_topic = Counter(record.topic() for record in records)
    assert by_topic == {source.topic: n for source, n in counts_of(plan).by_source.items()}

    noted = json.loads((environment.data_dir / "simulation.json").read_text())
    assert noted == {
        "seed": SEED,
        "requests": REQUESTS,
        "devices": DEVICES,
        "speed": SPEED,
        "base_ms": noted["base_ms"],
    }
    received = {ce_id(record): record.timestamp()[1] for record in records}
    for event in plan.events:
        age = received[event.event_id] - (noted["base_ms"] + event.occurred_ms)
        assert -1000 <= age <= 46 * 3_600_000


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("environment")
def test_a_source_that_fails_ends_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own last words; the other sources are ended."""
    monkeypatch.setattr(command, "PROGRAMS", ("csp", "tsp"))
    with pytest.raises(RunFailed, match=r"The simulated TSP failed: .*No module named"):
        command.simulate(requests=1, devices=50, seed=SEED + 1, speed=1.0)


def test_a_simulation_without_a_broker_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is noted of a run that never was."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("FDT_DATA_DIR", str(tmp_path))
    with pytest.raises(UserError, match="KAFKA_BOOTSTRAP_SERVERS"):
        command.simulate()
    assert not list(tmp_path.iterdir())


def test_a_noted_simulation_is_read_back(tmp_path: Path) -> None:
    """And a missing or damaged note is told in one sentence."""
    noted = simulation.Simulation(seed=7, requests=2, devices=50, speed=5000.0, base_ms=1)
    path = simulation.write_simulation(tmp_path / "new", noted)
    assert simulation.read_simulation(tmp_path / "new") == noted
    path.write_text('{"seed": 7}')
    with pytest.raises(UserError, match="delete it"):
        simulation.read_simulation(tmp_path / "new")
    with pytest.raises(UserError, match="run fdt simulate first"):
        simulation.read_simulation(tmp_path)


@pytest.mark.usefixtures("environment")
def test_numbers_that_make_no_simulation_are_refused() -> None:
    """In the plan's own words."""
    with pytest.raises(UserError, match="use 2 requests or more"):
        command.simulate(requests=1, devices=60_000)
    with pytest.raises(UserError, match=r"speed is 0\.5"):
        command.simulate(requests=1, devices=10, speed=0.5)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_simulation_ends_its_sources(
    environment: Settings, number: signal.Signals
) -> None:
    """At a speed that would take two days; exit code 130, and no process is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fdt", "simulate", "--devices=50", "--requests=1", "--speed=1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment.environment()},
    )
    children: list[int] = []
    deadline = time.monotonic() + 30
    while len(children) < len(command.PROGRAMS) and time.monotonic() < deadline:
        children = children_of(process.pid)
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(number)
    try:
        assert process.wait(30) == 130
    finally:  # one that is left would be held against the next test
        process.kill()
        process.wait()
    assert len(children) == len(command.PROGRAMS)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def children_of(parent: int) -> list[int]:
    """Process ids of the direct children."""
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []
