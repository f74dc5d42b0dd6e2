"""The broker is replaced by an empty one on the same address, and our producers live on.

An idempotent producer is in a fatal state then, for ever: the new broker knows nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from fdt.brokers.local import LocalKafka
from fdt.processes.children import free_port
from query_api.audit.entry import Action, Outcome, entry_of
from query_api.audit.reading import KafkaAuditLog, Question
from query_api.audit.spool import Spool
from query_api.identity.access import Caller, Role
from query_api.resets.publishing import KafkaPublisher, NotDurable, Place
from runtime.health import Health
from schemas.codec import Codec
from schemas.topics import AUDIT, SSMI_EVENTS
from tests.query_api.world import ALPHA
from tests.support.audit import spool_publisher
from tests.support.events import DEVICE, REQUEST
from tests.support.topics import create_anew

ALICE = Caller("alice", frozenset([ALPHA]), frozenset([Role.SUPPLIER]))
PARTITIONS = 4
WITHIN_S = 30.0


@contextmanager
def broker(folder: Path, port: int) -> Iterator[str]:
    """An empty broker with all topics."""
    with LocalKafka(folder, port=port) as kafka:
        create_anew(kafka.bootstrap_servers)
        yield kafka.bootstrap_servers


def until(holds: Callable[[], bool]) -> None:
    """Within the time that a replaced broker may cost."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def note(spool: Spool, *numbers: int) -> None:
    """Entries, as searches leave them."""
    for number in numbers:
        spool.append(entry_of(ALICE, Action.SEARCH, f"device {number}", Outcome.FOUND, number))


def reset(number: int) -> dict[str, str | int]:
    """A Reset by DCC."""
    return {
        "event_id": f"00000000-0000-0000-0000-{number:012d}",
        "service_request_id": REQUEST,
        "device_id": DEVICE,
        "operator": "centre-1",
        "reason": "why",
        "incident_reference": "INC1",
        "seen_event_id": "00000000-0000-0000-0000-0000000000aa",
        "occurred_at": round(time.time() * 1000),
    }


def strangers(bootstrap: str) -> None:
    """Others come first to the new broker, which gives them the producer ids that ours still use;
    so it finds the sequence numbers of ours out of order."""
    for _ in range(2):
        producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
        for topic in (AUDIT, SSMI_EVENTS):
            for number in range(PARTITIONS):
                producer.produce(topic, b"no event", b"", number)
        assert producer.flush(30) == 0


def test_audit_and_resets_go_on_at_a_broker_that_was_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Within half a minute and without a restart; every entry written down since is published."""
    port, spool, health = free_port(), Spool(tmp_path / "spool", 100_000), Health()
    audit = spool_publisher(spool, f"127.0.0.1:{port}", health, timeout_s=5.0)
    resets = KafkaPublisher(f"127.0.0.1:{port}", Codec())
    question = Question(since_ms=round(time.time() * 1000) - 60_000)

    def published(bootstrap: str) -> set[int]:
        return {entry.rows for entry in KafkaAuditLog(bootstrap, Codec()).newest(question)}

    def taken(number: int) -> Place | None:
        try:
            return resets.publish(reset(number))
        except NotDurable:
            return None

    audit.start()
    try:
        with broker(tmp_path / "first", port) as bootstrap:
            for number in range(3):  # the sequence numbers that the next broker does not know
                note(spool, number)
                until(lambda n=number: n in published(bootstrap))  # type: ignore[misc]
                assert taken(number) is not None
        with broker(tmp_path / "second", port) as bootstrap:
            strangers(bootstrap)
            note(spool, 3)
            assert taken(7) is None
            until(lambda: taken(7) is not None)
            until(lambda: published(bootstrap) == {3})
            until(lambda: not health.troubles())
            note(spool, 4)
            until(lambda: 4 in published(bootstrap))
        made_anew = [r for r in caplog.records if "is made anew" in r.getMessage()]
        assert len(made_anew) == 2
    finally:
        audit.stop()
