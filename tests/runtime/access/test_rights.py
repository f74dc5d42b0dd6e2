"""Every component with its own user and no more rights than ``fdt topics --acls`` says.

On a real broker that asks for a password and lets nobody do what is not allowed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from fdt.brokers.local import LocalKafka
from fdt.doctor.table import examined
from fdt.errors import UserError
from fdt.kafka.rights import USERS, Right, constant_of, rights
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import free_port
from fdt.settings import Settings
from runtime import kafka
from schemas.codec import Codec
from schemas.topics import (
    AUDIT,
    CSP_EVENTS,
    DEAD_LETTERS,
    DSP_EVENTS,
    READ_SIDE,
    SSMI_EVENTS,
    STATUS,
    TOPICS,
)
from tests.runtime.access.secured import PASSWORDS, Authority, broker_settings, variables
from tests.support.events import DEVICE, REQUEST, dsp_event
from tests.support.processes import running
from tests.support.read_side import service_centre, until_answered

WITHIN_S: Final = 60.0
NAMES: Final = {component: who.removeprefix("User:") for component, who in USERS.items()}
_KINDS: Final = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


def binding(right: Right, operation: str) -> AclBinding:
    """One operation of a right, as the broker keeps it."""
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    return AclBinding(
        _KINDS[right.resource],
        right.name,
        pattern,
        right.principal,
        "*",
        AclOperation[constant_of(operation)],
        AclPermissionType.ALLOW,
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """Who signed the broker's certificate; a password for every component."""
    PASSWORDS.update({name: f"of-{name}" for name in NAMES.values()})
    yield Authority.create(tmp_path_factory.mktemp("rights") / "authority")
    for name in NAMES.values():
        del PASSWORDS[name]


@pytest.fixture(scope="module")
def guarded(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with every component's user, with what ``fdt topics --acls`` says, and with topics
    that the operator made by these rights."""
    own = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The broker itself, and its controller's own listener, which no client reaches.
        "super.users": "User:broker;User:ANONYMOUS",
    }
    folder = tmp_path_factory.mktemp("rights") / "kafka"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(authority, "broker", "PLAIN").items():
            patch.setenv(name, value)
        with LocalKafka(folder, extra={**broker_settings(authority), **own}) as broker:
            admin = kafka.admin_client(broker.bootstrap_servers)
            info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096)
            users: list[Any] = [
                UserScramCredentialUpsertion(name, info, PASSWORDS[name].encode())
                for name in NAMES.values()
            ]
            done: list[Any] = [*admin.alter_user_scram_credentials(users).values()]
            found = [
                binding(right, operation)
                for right in rights(Settings().group_id, {})
                for operation in right.operations
            ]
            done += admin.create_acls(found).values()
            for each in done:
                each.result(WITHIN_S)
            with acting(authority, "operator"):
                assert ensure_topics(broker.bootstrap_servers, specs_of(Settings())) == []
            yield broker.bootstrap_servers


@contextmanager
def acting(authority: Authority, component: str) -> Iterator[Mapping[str, str]]:
    """Everything that is made meanwhile is the component's; the variables that do it."""
    named = variables(authority, NAMES[component], "SCRAM-SHA-512")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in named.items():
            patch.setenv(name, value)
        yield named


def refusal(bootstrap: str, topic: str) -> str | None:
    """Why a record cannot be put into a topic; none if it can."""
    told: list[str | None] = []

    def delivered(error: object, _: Message) -> None:
        told.append(None if error is None else str(error))

    producer = kafka.producer(bootstrap, "rights", {"message.timeout.ms": 60_000})
    value = Codec().encode("DspEvent", dsp_event())
    try:
        producer.produce(topic, value, DEVICE.encode(), on_delivery=delivered)
        producer.flush(WITHIN_S)
    except KafkaException as error:
        return str(error)
    return told[0]


WRITERS: Final = {
    "publisher-dsp": {DSP_EVENTS},
    "publisher-csp": {CSP_EVENTS},
    "publisher-comms-hub": {"firmware.comms-hub.v1"},
    "worker": {STATUS, DEAD_LETTERS},
    "read-side": {SSMI_EVENTS, AUDIT, READ_SIDE},
    "analyst": set[str](),
    "operator": {topic.name for topic in TOPICS},
}
"""Component -> the topics it may write: nobody's event by another, no status but the worker's."""


def test_the_rights_say_who_writes_what() -> None:
    """As the table above, and nothing is given to everybody."""
    found = rights("any", {})
    for component, topics in WRITERS.items():
        mine = [right for right in found if right.component == component]
        writes = {r.name for r in mine if r.resource == "topic" and "Write" in r.operations}
        assert writes == topics
        assert all(right.principal == USERS[component] for right in mine)


def test_a_component_can_be_somebody_else() -> None:
    """A certificate's name, say; one that there is not is refused."""
    found = rights("any", {"worker": "User:CN=worker"})
    assert {r.principal for r in found if r.component == "worker"} == {"User:CN=worker"}
    with pytest.raises(UserError, match="no component wrker"):
        rights("any", {"wrker": "User:w"})


def test_the_whole_pipe_works_with_these_rights_alone(
    guarded: str, authority: Authority, tmp_path: Path
) -> None:
    """The operator has made the topics, each source writes its own, the rest does its work."""
    for component, topics in WRITERS.items():
        with acting(authority, component):
            if component.startswith("publisher"):
                assert {t.name: refusal(guarded, t.name) for t in TOPICS if t.name in topics} == (
                    dict.fromkeys(topics)
                )
    port = free_port()
    shared = {"KAFKA_BOOTSTRAP_SERVERS": guarded, "FDT_API_PORT": str(port)}
    for name in ("worker", "read-side"):
        (tmp_path / name).mkdir()
    with (
        acting(authority, "worker") as its,
        running(
            "process",
            log=tmp_path / "worker" / "log",
            FDT_DATA_DIR=str(tmp_path / "worker"),
            **shared,
            **its,
        ),
        acting(authority, "read-side") as its_own,
        running(
            "serve",
            log=tmp_path / "read-side" / "log",
            FDT_DATA_DIR=str(tmp_path / "read-side"),
            **shared,
            **its_own,
        ),
        service_centre(tmp_path / "read-side", port) as api,
    ):
        answer = until_answered(api, DEVICE, WITHIN_S)
        assert answer["items"][0]["status"] == "Accepted by DSP"
        _reset(api, answer["items"][0])
    for component in ("analyst", "operator"):
        with acting(authority, component) as its:
            environment = {**os.environ, **shared, **its, "FDT_DATA_DIR": str(tmp_path / component)}
            for words in (["replay"], ["dead-letters", "list"]):
                subprocess.run(
                    [sys.executable, "-m", "fdt", *words, "--json"], env=environment, check=True
                )


def _reset(api: httpx.Client, item: dict[str, object]) -> None:
    """Written by the read side into its own source topic, and into the audit."""
    evidence = item["evidence"]
    assert isinstance(evidence, dict)
    order = {
        "reason": "The hub was replaced",
        "incident_reference": "INC1",
        "seen_event_id": evidence["event_id"],
    }
    address = f"/v1/devices/{DEVICE}/service-requests/{REQUEST}/reset"
    done = api.post(address, json=order, headers={"Idempotency-Key": "1"})
    assert done.status_code == 201, done.text


@pytest.mark.parametrize("component", WRITERS)
def test_nobody_writes_another_s_topic(guarded: str, authority: Authority, component: str) -> None:
    """A status cannot be forged, nor another source's event, an audit entry, a dead letter."""
    with acting(authority, component):
        for topic in {topic.name for topic in TOPICS} - WRITERS[component]:
            told = refusal(guarded, topic)
            assert told is not None, topic
            assert "authorization failed" in told.lower(), (topic, told)


@pytest.mark.parametrize(
    ("component", "command"),
    [
        ("read-side", "process"),
        ("analyst", "process"),
        ("publisher-dsp", "process"),
        ("publisher-csp", "serve"),
        ("analyst", "serve"),
        ("worker", "serve"),
    ],
)
def test_a_program_with_another_s_credentials_says_so(
    guarded: str, authority: Authority, tmp_path: Path, component: str, command: str
) -> None:
    """At its start, in a sentence that names what it may not, and how to mend it."""
    log = tmp_path / "log"
    where = {"KAFKA_BOOTSTRAP_SERVERS": guarded, "FDT_DATA_DIR": str(tmp_path / "data")}
    (tmp_path / "data").mkdir()
    with (
        acting(authority, component) as its,
        running(command, log=log, FDT_API_PORT=str(free_port()), **where, **its) as process,
    ):
        deadline = time.monotonic() + WITHIN_S
        while process.poll() is None:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
    said = log.read_text()
    assert process.returncode == (2 if command == "process" else 1), said
    assert re.search(r"fdt: .*(does not let|[Aa]uthorization failed)", said), said
    assert "fdt topics --acls" in said, said
    assert "Traceback" not in said, said


def test_the_doctor_says_what_a_user_may_be_and_what_it_lacks(
    guarded: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each component's own rights are enough for it; another's are a failure of nothing else."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", guarded)
    for component in ("worker", "read-side"):
        with acting(authority, component):
            found = dict(examined(component))
            assert found["rights"].state == "ok", found["rights"]
            assert not any(one.state == "failure" for one in found.values()), found
    with acting(authority, "publisher-csp"):
        failed = [(name, one) for name, one in examined("worker") if one.state == "failure"]
        assert [name for name, _ in failed] == ["rights"], failed
        assert "DescribeConfigs topic firmware.dsp.v1" in failed[0][1].found
