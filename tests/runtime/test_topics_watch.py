"""Whatever of the eight topics changes is said, stops the fold where it must, and is well again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from fdt.errors import RunFailed
from fdt.kafka.mending import mend
from fdt.kafka.topics import create_missing, specs_of
from fdt.settings import Settings
from processor.partition.status_log import LogUnavailable
from processor.topics import KafkaTopics
from runtime.health import Health
from runtime.topics import PART, TopicsWatch
from schemas.topics import (
    AUDIT,
    CSP_EVENTS,
    DAY_MS,
    DEAD_LETTERS,
    DSP_EVENTS,
    READ_SIDE,
    SOURCE_TOPICS,
    STATUS,
    TOPICS,
)
from tests.support.topics import delete, grow, set_config

SPECS = specs_of(Settings())
NAMES = [topic.name for topic in TOPICS]
SOURCES = [*SOURCE_TOPICS.values()]
NOWHERE = "127.0.0.1:9"
SHOWN_WITHIN_S = 10.0
"""A broker answers a change before it shows it."""


@dataclass
class Watched:
    """A watch over real topics, that looks when it is told to."""

    bootstrap: str
    health: Health
    watch: TopicsWatch

    def look(self) -> str | None:
        """What is said of the topics now."""
        self.watch.look()
        return self.health.troubles().get(PART)

    def expect(self, trouble: str | None, *, folding: bool) -> None:
        """What is said, and whether the fold goes on, as soon as the broker shows its change."""
        deadline = time.monotonic() + SHOWN_WITHIN_S
        while not self._is_said(trouble):
            assert time.monotonic() < deadline, self.health.troubles()
            time.sleep(0.05)
        assert (self.watch.unfit is None) == folding

    def expect_logged(self, words: str, caplog: pytest.LogCaptureFixture) -> None:
        """It is no trouble, and the log has it."""
        deadline = time.monotonic() + SHOWN_WITHIN_S
        while words not in caplog.text:
            assert time.monotonic() < deadline, caplog.text
            self.look()
        self.expect(None, folding=True)

    def _is_said(self, trouble: str | None) -> bool:
        said = self.look()
        return said is None if trouble is None else trouble in (said or "")


@pytest.fixture
def watched(fresh_topics: str) -> Watched:
    """The topics as they should be, and seen so."""
    health = Health()
    found = Watched(fresh_topics, health, watch(fresh_topics, health))
    found.expect(None, folding=True)
    return found


def watch(bootstrap: str, health: Health, renew_every_s: float = 3600) -> TopicsWatch:
    """Looks at the topics as the settings want them; its thread is not begun."""

    def ended(error: BaseException) -> None:
        raise AssertionError from error

    return TopicsWatch(bootstrap, SPECS, health, ended, renew_every_s=renew_every_s)


def publish(bootstrap: str, topic: str, partition: int, records: int) -> None:
    """Records without a key, which belong nowhere in particular."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for _ in range(records):
        producer.produce(topic, b"value", None, partition)
    assert producer.flush(10) == 0


def ends(bootstrap: str, topic: str, partitions: int) -> int:
    """Sum of the end offsets."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test-ends"})
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        return sum(consumer.get_watermark_offsets(each, timeout=10)[1] for each in places)
    finally:
        consumer.close()


def test_a_missing_topic_is_said_until_it_is_there(watched: Watched) -> None:
    """Each of the eight; nothing is folded without one that a batch needs."""
    for name in NAMES:
        delete(watched.bootstrap, name)
        watched.expect(f"{name}: topic is missing", folding=name in (AUDIT, READ_SIDE))
        assert "Run 'fdt topics'" in (watched.look() or "")
        create_missing(watched.bootstrap, SPECS)
        watched.expect(None, folding=True)


def test_another_cleanup_policy_is_said_until_it_is_put_back(watched: Watched) -> None:
    """Each of the eight: rows would be deleted, or events compacted away."""
    for spec in SPECS:
        right = spec.config["cleanup.policy"]
        wrong = "delete" if right == "compact" else "compact"
        set_config(watched.bootstrap, spec.name, "cleanup.policy", wrong)
        watched.expect(f"{spec.name}: cleanup.policy is {wrong}, should be {right}", folding=True)
        set_config(watched.bootstrap, spec.name, "cleanup.policy", right)
        watched.expect(None, folding=True)


def test_times_of_publishers_are_said_and_not_folded(watched: Watched) -> None:
    """Each of the eight; what is received meanwhile waits where times are folded."""
    for name in NAMES:
        set_config(watched.bootstrap, name, "message.timestamp.type", "CreateTime")
        folding = name not in (*SOURCES, STATUS)
        watched.expect(f"{name}: message.timestamp.type is CreateTime", folding=folding)
        set_config(watched.bootstrap, name, "message.timestamp.type", "LogAppendTime")
        watched.expect(None, folding=True)


def test_a_retention_below_the_tables_is_said(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows cannot be made anew from events that are gone. A longer one than that, and one without
    an end, are news for the log only."""
    for name in SOURCES:
        set_config(watched.bootstrap, name, "retention.ms", str(29 * DAY_MS))
        watched.expect(f"{name}: retention.ms is {29 * DAY_MS}", folding=True)
        for harmless in (31 * DAY_MS, -1):
            caplog.clear()
            set_config(watched.bootstrap, name, "retention.ms", str(harmless))
            watched.expect_logged(f"{name}: retention.ms is {harmless}", caplog)
    for name in (DEAD_LETTERS, AUDIT):
        set_config(watched.bootstrap, name, "retention.ms", str(DAY_MS))
        watched.expect_logged(f"{name}: retention.ms is {DAY_MS}", caplog)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_topic_that_has_grown_stops_the_fold(watched: Watched, name: str) -> None:
    """Until it was put right, and again for what comes to the partitions beyond afterwards."""
    publish(watched.bootstrap, name, 0, 1)
    grow(watched.bootstrap, name, 8)
    watched.expect(f"{name}: partitions is 8, should be 4", folding=False)
    assert watched.watch.unread == {**dict.fromkeys(SOURCES, 0), name: 4}
    publish(watched.bootstrap, name, 5, 2)
    watched.expect("run 'fdt topics --mend'", folding=False)
    assert [done.records for done in mend(watched.bootstrap)] == [2]
    watched.expect(None, folding=True)
    assert watched.watch.unread == dict.fromkeys(SOURCES, 0)
    publish(watched.bootstrap, name, 7, 1)
    watched.expect("run 'fdt topics --mend'", folding=False)
    assert [done.records for done in mend(watched.bootstrap)] == [1]
    watched.expect(None, folding=True)
    assert ends(watched.bootstrap, name, 4) == 1 + 2 + 1


def test_a_status_topic_that_has_grown_says_its_own_mend(watched: Watched) -> None:
    """No partition can be taken away: it is made anew and filled from the stores."""
    grow(watched.bootstrap, STATUS, 8)
    watched.expect(f"{STATUS}: partitions is 8, should be 4", folding=False)
    assert f"delete {STATUS}, run 'fdt topics'" in (watched.look() or "")
    delete(watched.bootstrap, STATUS)
    create_missing(watched.bootstrap, SPECS)
    watched.expect(None, folding=True)


@pytest.mark.parametrize("name", [DEAD_LETTERS, AUDIT])
def test_more_partitions_do_no_harm_where_no_device_is_looked_for(
    watched: Watched, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Kafka takes none away again, so nothing may stop for it."""
    grow(watched.bootstrap, name, 8)
    watched.expect_logged(f"{name}: partitions is 8, should be 4", caplog)


def test_a_copy_that_the_broker_refuses_is_not_marked_as_put_right(watched: Watched) -> None:
    """The records stay told as unread, and the next run copies them."""
    grow(watched.bootstrap, DSP_EVENTS, 8)
    publish(watched.bootstrap, DSP_EVENTS, 6, 3)
    set_config(watched.bootstrap, DSP_EVENTS, "max.message.bytes", "60")
    with pytest.raises(RunFailed, match=r"refused 3 records"):
        list(mend(watched.bootstrap))
    watched.expect("partitions is 8, should be 4", folding=False)
    set_config(watched.bootstrap, DSP_EVENTS, "max.message.bytes", "1048588")
    assert [done.records for done in mend(watched.bootstrap)] == [3]
    watched.expect(None, folding=True)


def test_what_was_put_right_is_not_forgotten_by_the_broker(watched: Watched) -> None:
    """Offsets of a group that nobody commits to are deleted after a week: they are committed again,
    from time to time and not at each look."""
    for topic in (DSP_EVENTS, CSP_EVENTS):
        grow(watched.bootstrap, topic, 5)
        publish(watched.bootstrap, topic, 4, 1)
    assert [done.records for done in mend(watched.bootstrap)] == [1, 1]

    def commits(renewing: TopicsWatch) -> int:
        before = ends(watched.bootstrap, "__consumer_offsets", 4)
        renewing.look()
        return ends(watched.bootstrap, "__consumer_offsets", 4) - before

    seldom, always = watch(watched.bootstrap, Health()), watch(watched.bootstrap, Health(), 0)
    assert commits(seldom) == commits(always) == 2
    assert commits(seldom) == 0
    assert watched.look() is None


def test_a_broker_that_is_silent_does_not_clear_a_record_to_be_refused() -> None:
    """Whether its publisher knows of more partitions is not known: the batch waits."""
    silent = watch(NOWHERE, Health())
    silent.look()
    assert silent.unfit is None
    with pytest.raises(LogUnavailable, match="does not tell its topics"):
        KafkaTopics(NOWHERE, silent.look_now).require_fit()
