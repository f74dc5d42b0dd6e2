"""``fdt topics`` on the real broker: creates what is missing and says what differs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient

from fdt.brokers.finding import Broker
from fdt.cli import run
from fdt.errors import UserError
from fdt.kafka import topics
from fdt.kafka.topics import create_missing, ensure_topics, specs_of
from fdt.settings import Settings
from runtime.topics import Difference
from schemas.topics import TOPICS, TopicSpec

PREFIX = "topics-command."


@pytest.fixture
def specs(broker: Broker) -> Iterator[list[TopicSpec]]:
    """The contract's topics under names of this module's own, deleted afterwards."""
    own = [replace(spec, name=PREFIX + spec.name) for spec in specs_of(Settings())]
    yield own
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    if held := held_by(admin):
        for future in admin.delete_topics(held).values():
            future.result()
    while held_by(admin):
        time.sleep(0.05)


def held_by(admin: AdminClient) -> list[str]:
    """This module's topics on the broker."""
    return [name for name in admin.list_topics(timeout=10).topics if name.startswith(PREFIX)]


@pytest.fixture
def command(
    broker: Broker, specs: list[TopicSpec], monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """``fdt topics`` for those topics."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setattr("fdt.commands.topics.specs_of", lambda _settings: specs)
    return monkeypatch


def test_the_specs_follow_the_settings() -> None:
    """Partitions, replication and retention come from the settings, the rest from the contract."""
    settings = Settings(partitions=6, replication=3, dead_letter_retention="P7D")
    specs = {spec.name: spec for spec in specs_of(settings)}
    assert list(specs) == [topic.name for topic in TOPICS]
    assert all((spec.partitions, spec.replication) == (6, 3) for spec in specs.values())
    assert specs["firmware.dead-letter.v1"].config["retention.ms"] == "604800000"
    assert "retention.ms" not in specs["firmware.status.v1"].config


def test_the_status_topic_forgets_as_fast_as_the_table_does() -> None:
    """A day after what is forgotten is compacted its tombstone may go; of a retention below a day,
    that much less."""
    assert compaction("P30D") == compaction("P7D") == ("86400000", "86400000", "3600000")
    assert compaction("PT1M") == ("60000", "60000", "2500")


def compaction(retention: str) -> tuple[str, ...]:
    """How long tombstones are kept, and after how long what is superseded must, and may, go."""
    spec = next(
        s for s in specs_of(Settings(retention=retention)) if s.name == "firmware.status.v1"
    )
    names = ("delete.retention.ms", "max.compaction.lag.ms", "min.compaction.lag.ms")
    return tuple(spec.config[name] for name in names)


@pytest.mark.usefixtures("command")
def test_missing_topics_are_created_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The second time there is nothing to do."""
    assert run(["topics"]) == 0
    assert capsys.readouterr().out.count("created") == len(TOPICS)
    assert run(["topics"]) == 0
    assert capsys.readouterr().out.count("as it should be") == len(TOPICS)


@pytest.mark.usefixtures("command")
def test_it_is_told_how_long_each_topic_keeps_what(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Analysts can replay what the table forgot."""
    monkeypatch.setenv("FDT_RETENTION", "PT90S")
    assert run(["topics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "every record for 400 days" in next(line for line in lines if "dsp.v1" in line)
    status = next(line for line in lines if "status.v1" in line)
    assert "the latest of each device, 1 minute 30 seconds after its last change" in status


def test_created_topics_are_as_the_contract_says(broker: Broker, specs: list[TopicSpec]) -> None:
    """Nothing differs right after, and every partition has a leader."""
    assert ensure_topics(broker.bootstrap_servers, specs) == []


def test_every_kind_of_difference_is_told(broker: Broker, specs: list[TopicSpec]) -> None:
    """Partition count, policy, retention and the clock of the received time."""
    found = specs[0]
    create_missing(broker.bootstrap_servers, [found])
    wanted = replace(
        found,
        partitions=8,
        config={
            "cleanup.policy": "compact",
            "retention.ms": "1000",
            "message.timestamp.type": "CreateTime",
        },
    )
    differences = ensure_topics(broker.bootstrap_servers, [wanted])
    assert {d.setting: (d.expected, d.actual) for d in differences} == {
        "partitions": ("8", "4"),
        "cleanup.policy": ("compact", "delete"),
        "retention.ms": ("1000", str(400 * 86_400_000)),
        "message.timestamp.type": ("CreateTime", "LogAppendTime"),
    }


def test_what_differs_is_shown_and_left_alone(
    broker: Broker,
    specs: list[TopicSpec],
    command: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1, and the topic is as it was: a shorter retention would delete data."""
    create_missing(broker.bootstrap_servers, specs)
    shorter = replace(specs[0], config={**specs[0].config, "retention.ms": "1000"})
    command.setattr("fdt.commands.topics.specs_of", lambda _settings: [shorter, *specs[1:]])
    assert run(["topics"]) == 1
    out, err = capsys.readouterr()
    assert "retention.ms is 34560000000, should be 1000" in out
    assert "left as they are" in err
    assert topics.differences(broker.bootstrap_servers, specs) == []


def test_a_missing_topic_differs(broker: Broker, specs: list[TopicSpec]) -> None:
    """For those who only look."""
    found = topics.differences(broker.bootstrap_servers, specs[:1])
    assert found == [Difference(specs[0].name, "topic", "exists", "missing")]


def test_a_topic_that_the_broker_refuses_is_one_sentence(broker: Broker) -> None:
    """With the broker's own reason."""
    impossible = TopicSpec(f"{PREFIX}impossible", 1, 99, {})
    with pytest.raises(UserError, match=r"refused the topic .*impossible: .*replication factor"):
        create_missing(broker.bootstrap_servers, [impossible])


def test_a_broker_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the address and the variable."""
    monkeypatch.setattr(topics, "REQUEST_SECONDS", 0.5)
    with pytest.raises(UserError, match=r"answers at 127\.0\.0\.1:1 .*KAFKA_BOOTSTRAP_SERVERS"):
        ensure_topics("127.0.0.1:1", [])
