"""A password and every certificate are replaced, and the old ones made of no use, while events
flow: nothing is lost, nothing doubled, and nobody starts a program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from fdt.brokers.local import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import free_port
from fdt.settings import Settings
from runtime import kafka
from schemas.topics import Source
from sources.publisher import Publisher
from sources.wire import Wire
from tests.chaos.source import Campaign
from tests.chaos.stage import judge
from tests.runtime.access.many_ways import acting, set_password
from tests.runtime.access.rotated import Files, Rotated
from tests.runtime.access.secured import PASSWORDS
from tests.support.processes import running, worker
from tests.support.read_side import service_centre
from tests.support.topics import committed, table

WITHIN_S: Final = 200.0
USED: Final = "password of worker was replaced, and is used"
ANEW: Final = "clients are made anew"


@pytest.fixture
def rotated(tmp_path: Path) -> Rotated:
    """Who signs, and what brokers trust."""
    return Rotated(tmp_path / "access")


@pytest.fixture
def worker_s(rotated: Rotated) -> Files:
    """What the user ``worker`` holds, who may do everything here."""
    return rotated.files("worker")


@pytest.fixture
def broker(rotated: Rotated, worker_s: Files, tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker with that user; the test acts as its operator, who has a certificate of both."""
    operator = rotated.files("broker", "PLAIN")
    operator.trust(rotated.first, rotated.second)
    with (
        acting(operator.variables),
        LocalKafka(tmp_path / "kafka", extra=rotated.settings(), start_seconds=180) as made,
    ):
        set_password(made.bootstrap_servers, "worker", PASSWORDS["worker"])
        allowed = [
            AclBinding(
                kind,
                "*",
                ResourcePatternType.LITERAL,
                "User:worker",
                "*",
                AclOperation.ALL,
                AclPermissionType.ALLOW,
            )
            for kind in (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID)
        ]
        admin = kafka.admin_client(made.bootstrap_servers)
        for done in admin.create_acls(allowed).values():
            done.result(WITHIN_S)
        ensure_topics(made.bootstrap_servers, specs_of(Settings()))
        operator.hold(rotated.second)
        yield made


def until(what: str, happened: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.2)


def said(log: Path, words: str) -> int:
    """How often."""
    return log.read_text(errors="replace").count(words)


@pytest.mark.timeout(900)
def test_what_the_old_certificate_cannot_deliver_goes_out_by_the_new_one(
    broker: LocalKafka, rotated: Rotated, worker_s: Files
) -> None:
    """The brokers forget an authority before a source has its new certificate: it sends what waits
    as soon as it has, also where it has nothing else to do than to wait for that."""
    records = [b"%d" % n for n in range(50)]
    with acting(worker_s.variables):
        publisher = Publisher(broker.bootstrap_servers, Source.DSP.topic)
        publish(publisher, records[:10])
        until("the first", lambda: acknowledged(publisher) == 10)
    rotated.forget_the_first(broker.bootstrap_servers, [1])
    broker.stop()
    broker.start()
    with acting(worker_s.variables):
        publish(publisher, records[10:])
        deadline = time.monotonic() + 5
        until("a while", lambda: acknowledged(publisher) > 10 or time.monotonic() > deadline)
        assert publisher.acknowledged == 10, "the old certificate was of use"
        rotated.replace_certificate(worker_s)
        publisher.finish()
        assert publisher.acknowledged == len(records)
    found = [message.value() for message in committed(broker.bootstrap_servers, Source.DSP.topic)]
    assert sorted(value or b"" for value in found) == sorted(records)


def publish(publisher: Publisher, values: list[bytes]) -> None:
    """One record of each."""
    for value in values:
        publisher.send(Wire(publisher.topic, 0, b"any", value, []))


def acknowledged(publisher: Publisher) -> int:
    """How many, when the client was polled once more."""
    publisher.poll(0.1)
    return publisher.acknowledged


@pytest.mark.timeout(900)
def test_everything_is_replaced_while_events_flow(
    broker: LocalKafka, rotated: Rotated, worker_s: Files, tmp_path: Path
) -> None:
    """The old password ends at once, the old authority with the broker's next start."""
    bootstrap, port = broker.bootstrap_servers, free_port()
    campaign = Campaign(bootstrap, tmp_path, requests=3, devices=300, pause_s=0.5)
    mine = worker_s.variables
    logs = [tmp_path / name / "log" for name in ("worker", "read-side")]
    for log in logs:
        log.parent.mkdir()
    for source in Source:
        campaign.start(source, mine)
    try:
        with (
            worker(bootstrap, logs[0].parent, **mine) as process,
            running(
                "serve",
                log=logs[1],
                KAFKA_BOOTSTRAP_SERVERS=bootstrap,
                FDT_DATA_DIR=str(logs[1].parent),
                FDT_API_PORT=str(port),
                **mine,
            ) as serving,
            service_centre(logs[1].parent, port) as api,
        ):
            until("a first event", lambda: table(bootstrap).counts.get("read", 0) > 0)
            rotated.replace_password(bootstrap, worker_s)
            until("the password", lambda: all(said(log, USED) for log in logs))
            rotated.replace_certificate(worker_s)
            until("the certificates", lambda: all(said(log, ANEW) for log in logs))
            until("a new start", lambda: said(logs[1], "Read side on") == 2)
            until("a new start", lambda: said(logs[0], "/metrics on") == 2)
            rotated.forget_the_first(bootstrap, [1])
            broker.stop()
            broker.start()
            assert campaign.flowing
            campaign.finish(WITHIN_S)
            records = len(campaign.plan.publications)
            until("the end", lambda: table(bootstrap).counts.get("read", 0) >= records)
            judge(bootstrap, campaign.plan, campaign.schedule)
            until("readiness", lambda: api.get("/readyz").status_code == 200)
            assert process.poll() is None
            assert serving.poll() is None
    finally:
        campaign.stop()
    assert "Traceback" not in logs[0].read_text() + logs[1].read_text()
