"""The feed against a real broker: what is committed is seen, once and in order, over restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from fdt.brokers.finding import Broker
from projections.state import Report
from projections.status_derivation import derive_statuses
from projections.status_record import status_record
from query_api.view.feed import Feed, FeedFailed
from query_api.view.folder import rocks
from query_api.view.layout import device_key, request_prefix
from query_api.view.status_topic import TopicChanged
from query_api.view.status_view import View
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.topics import CONTROL_KEY, DSP_EVENTS, STATUS
from sources.wire import Wire
from storage.store import StoreDamaged
from tests.query_api.world import T0, accepted, approved, device_id, request_id
from tests.support.plans import send
from tests.support.rows import row_of
from tests.support.topics import create_anew

R1 = request_id(1)
CODEC = Codec()
PARTITIONS = 4
WAIT_S = 30.0


def eventually(what: Callable[[], object], why: str = "") -> None:
    """Wait until ``what`` holds; the test fails if it does not in good time."""
    until = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < until, f"still not so after {WAIT_S:g} s: {why}"
        time.sleep(0.02)


class Processor:
    """Writes to the status topic as the processor does: one transaction for each batch."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "transactional.id": "test-processor", "log_level": 2}
        )
        self._producer.init_transactions(30)

    def commit(self, rows: dict[DeviceId, list[Report] | None], partition: int = 0) -> None:
        """One transaction: the rows, and a control record."""
        self.begin(rows, partition)
        self._producer.commit_transaction(30)

    def begin(self, rows: dict[DeviceId, list[Report] | None], partition: int = 0) -> None:
        """The same, not committed yet."""
        self._producer.begin_transaction()
        for device, reports in rows.items():
            self._producer.produce(STATUS, _status(device, reports), device.encode(), partition)
        self._producer.produce(STATUS, _control(partition), CONTROL_KEY, partition)
        self._producer.flush()

    def abort(self) -> None:
        """What was begun never was."""
        self._producer.abort_transaction(30)

    def commit_begun(self) -> None:
        """What was begun counts."""
        self._producer.commit_transaction(30)

    def write(self, key: bytes, value: bytes) -> None:
        """Anything, in a transaction of its own."""
        self._producer.begin_transaction()
        self._producer.produce(STATUS, value, key, 0)
        self._producer.commit_transaction(30)


def _status(device: DeviceId, reports: list[Report] | None) -> bytes | None:
    if reports is None:
        return None
    row = row_of(reports)
    return CODEC.encode("FirmwareStatus", status_record(device, row, derive_statuses(row)))


def _control(partition: int) -> bytes:
    return CODEC.encode(
        "ProcessorControl",
        {
            "partition": partition,
            "worker": "test",
            "positions": [],
            "partition_time": T0,
            "last_received": {"dsp": T0 + partition},
            "rows": 0,
            "counts": {},
        },
    )


@pytest.fixture
def processor(fresh_topics: str) -> Processor:
    """A writer to an empty status topic."""
    return Processor(fresh_topics)


@pytest.fixture
def start(broker: Broker, tmp_path: Path) -> Iterator[Callable[[], Feed]]:
    """Starts a feed into the one folder of the test; whatever was started is stopped."""
    started: list[Feed] = []

    def start() -> Feed:
        failed: list[BaseException] = []
        feed = Feed(
            broker.bootstrap_servers, CODEC, tmp_path / "view", rocks(4), on_failure=failed.append
        )
        started.append(feed)
        feed.start()
        return feed

    yield start
    for feed in started:
        feed.stop()


def view_of(feed: Feed) -> View:
    """The feed's view, once it may be read."""
    eventually(lambda: feed.progress.view is not None or feed.failure is not None, "ready")
    assert feed.failure is None
    assert feed.progress.view is not None
    return feed.progress.view


def listed(view: View) -> list[str]:
    """Devices in the index of the request."""
    prefix = request_prefix(R1)
    with view.snapshot() as reading:
        return [key[len(prefix) :].decode() for key, _ in reading.scan(prefix)]


def test_committed_records_are_seen_and_the_lag_comes_to_nothing(
    processor: Processor, start: Callable[[], Feed]
) -> None:
    """Transaction markers take offsets too, and are no lag; aborted records never appear."""
    processor.commit({device_id(n): [accepted(R1)] for n in range(3)})
    processor.begin({device_id(9): [accepted(R1)]})
    processor.abort()
    feed = start()
    view = view_of(feed)
    assert listed(view) == [device_id(n) for n in range(3)]
    assert feed.progress.lag() == 0

    processor.commit({device_id(3): [accepted(R1)], device_id(0): None})
    eventually(lambda: listed(view) == [device_id(n) for n in (1, 2, 3)])
    eventually(lambda: feed.progress.lag() == 0)

    processor.begin({device_id(5): [accepted(R1)]})
    time.sleep(0.5)
    assert device_id(5) not in listed(view), "not committed yet"
    processor.commit_begun()
    eventually(lambda: device_id(5) in listed(view))
    with view.snapshot() as reading:
        assert reading.get(device_key(device_id(0))) is None
    assert sum(view.totals().values()) == 4


def test_freshness_comes_with_the_control_records_of_every_partition(
    processor: Processor, start: Callable[[], Feed]
) -> None:
    """Each partition's newest control record, with its log-append time."""
    before = int(time.time() * 1000) - 1000
    for partition in range(PARTITIONS):
        processor.commit({}, partition)
    marks = view_of(start()).marks()
    assert sorted(marks) == list(range(PARTITIONS))
    for partition, mark in marks.items():
        assert mark.as_of is not None
        assert before <= mark.as_of == mark.seen_at
        assert mark.last_received == {"dsp": T0 + partition}
        assert mark.partition_time == T0


def test_a_read_side_that_starts_while_the_processor_is_down_knows_the_time(
    processor: Processor, start: Callable[[], Feed], broker: Broker
) -> None:
    """By the newest event: what fell due meanwhile must be hidden from the first answer on."""
    processor.commit({device_id(1): [accepted(R1)]})
    time.sleep(1)
    published = int(time.time() * 1000)
    send([Wire(DSP_EVENTS, 0, b"any", b"event", [])], broker.bootstrap_servers)
    feed = start()
    view_of(feed)
    assert feed.progress.broker_now() >= published


def test_a_restart_goes_on_at_the_stored_offsets(
    processor: Processor, start: Callable[[], Feed], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is read twice; what came meanwhile is there before the first answer."""
    processor.commit({device_id(n): [accepted(R1)] for n in range(5)})
    first = start()
    before = view_of(first).next_offsets()
    first.stop()
    processor.commit({device_id(5): [accepted(R1)], device_id(0): None})
    caplog.set_level("INFO")
    view = view_of(start())
    assert listed(view) == [device_id(n) for n in range(1, 6)]
    assert f"reading {STATUS} from {before}" in caplog.text
    assert view.next_offsets()[0] == before[0] + 1 + 3, "one marker, three records"


def test_a_topic_created_anew_is_read_from_its_beginning(
    broker: Broker, processor: Processor, start: Callable[[], Feed], tmp_path: Path
) -> None:
    """Another topic of the same name: the old view is set aside."""
    processor.commit({device_id(1): [accepted(R1)]})
    first = start()
    view_of(first)
    first.stop()
    create_anew(broker.bootstrap_servers)
    Processor(broker.bootstrap_servers).commit({device_id(2): [accepted(R1)]})
    assert listed(view_of(start())) == [device_id(2)]
    assert (tmp_path / "view.aside").is_dir()


def test_a_topic_that_changes_under_the_feed_ends_it(
    broker: Broker,
    processor: Processor,
    start: Callable[[], Feed],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A view that stood still on a topic that is gone would be a lie."""
    monkeypatch.setattr("query_api.view.status_topic.TOPIC_EVERY_S", 0.1)
    feed = start()
    view_of(feed)
    create_anew(broker.bootstrap_servers)
    eventually(lambda: feed.failure is not None)
    assert isinstance(feed.failure, TopicChanged)


def test_a_topic_that_is_not_there_yet_is_waited_for(
    broker: Broker, processor: Processor, start: Callable[[], Feed]
) -> None:
    """The read side may be started before the topics."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.delete_topics([STATUS])[STATUS].result()
    feed = start()
    time.sleep(1.0)
    assert feed.failure is None
    assert feed.progress.remaining() is None
    create_anew(broker.bootstrap_servers)
    assert listed(view_of(feed)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(device_id(1).encode(), b"no Avro", id="value"),
        pytest.param(b"no device", b"\x00", id="key"),
        pytest.param(CONTROL_KEY, b"\x00\x00\x00\x00\x01", id="control record"),
    ],
)
def test_a_record_that_is_not_the_processors_ends_the_feed(
    processor: Processor, start: Callable[[], Feed], key: bytes, value: bytes
) -> None:
    """It says which record, and nothing of its batch is applied."""
    feed = start()
    view = view_of(feed)
    processor.write(key, value)
    eventually(lambda: feed.failure is not None)
    assert isinstance(feed.failure, FeedFailed)
    assert f"{STATUS} partition 0 offset 0" in str(feed.failure)
    assert view.next_offsets()[0] == 0


def test_only_the_last_record_of_a_key_counts(
    processor: Processor, start: Callable[[], Feed]
) -> None:
    """Many changes of few devices, over several transactions in one fetch."""
    for number in range(30):
        rows = [[accepted(R1), approved(R1, offset=1, at=T0 + number)] for _ in range(2)]
        processor.commit({device_id(1): rows[0], device_id(2): rows[1] if number % 2 else None})
    view = view_of(start())
    assert listed(view) == [device_id(1), device_id(2)]
    assert sum(view.totals().values()) == 2


def test_a_broker_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """No failure, no readiness, and an end when it is asked for."""
    feed = Feed("127.0.0.1:1", CODEC, tmp_path / "view", rocks(4), on_failure=lambda _: None)
    feed.start()
    time.sleep(1.0)
    assert feed.failure is None
    assert feed.progress.view is None
    assert feed.progress.lag() is None
    feed.stop()


def test_damage_that_a_read_meets_ends_the_feed_and_condemns_the_view(tmp_path: Path) -> None:
    """The next start rebuilds it; the process is told once, and the first reason stays."""
    told: list[BaseException] = []
    (tmp_path / "view").mkdir()
    feed = Feed("127.0.0.1:1", CODEC, tmp_path / "view", rocks(4), told.append)
    first = StoreDamaged("a block is damaged")
    feed.fail(first)
    feed.fail(RuntimeError("later"))
    assert feed.failure is first
    assert told == [first]
    assert "a block is damaged" in (tmp_path / "view" / "SET-ASIDE").read_text()
