"""``make secure``: three nodes that ask for a certificate and a password, and allow what ``fdt
topics --acls`` says; a leader killed, and every credential replaced, while events flow."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import KafkaException

from fdt.kafka.rights import USERS, rights
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import free_port
from fdt.settings import Settings
from fdt.up.plan_check import differences
from firmware_tracking_client import AuthenticatedClient
from runtime import broker, kafka
from schemas.topics import STATUS, TOPICS, Source
from tests.chaos.cluster import Cluster
from tests.chaos.source import Campaign
from tests.chaos.stage import judge
from tests.runtime.access.many_ways import acting, set_password
from tests.runtime.access.rotated import Files, Rotated
from tests.runtime.access.test_rights import WRITERS, binding, refusal
from tests.support.processes import running
from tests.support.read_side import service_centre
from tests.support.topics import table

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_200)]

COMMANDS: Final = {"worker": ("process", "--workers=1"), "read-side": ("serve",)}
"""A worker that another one has fenced ends, and is started again by whoever supervises it."""
WITHIN_S: Final = 240.0
USED: Final = "was replaced, and is used"
ANEW: Final = "clients are made anew"
STARTED: Final = "/metrics on|Read side on"
SOURCES: Final = {
    Source.DSP: "publisher-dsp",
    Source.CSP: "publisher-csp",
    Source.COMMS_HUB: "publisher-comms-hub",
    Source.SSMI: "read-side",
}
"""Whose credentials publish it; a Reset is the read side's."""
PROGRAMS: Final = {"w0": "worker", "w1": "worker", "read-side": "read-side"}


@dataclass
class Guarded:
    """Three nodes, and what each component holds."""

    cluster: Cluster
    rotated: Rotated
    files: dict[str, Files]
    operator: Files
    """The brokers' own: whoever has it may do everything."""
    folder: Path

    @property
    def bootstrap(self) -> str:
        """All three."""
        return self.cluster.bootstrap_servers


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """With every component's user and rights, and topics of three copies."""
    folder = tmp_path_factory.mktemp("secure")
    rotated = Rotated(folder / "access")
    operator = rotated.files("broker", "PLAIN")
    operator.trust(rotated.first, rotated.second)
    names = {component: who.removeprefix("User:") for component, who in USERS.items()}
    files = {component: rotated.files(name) for component, name in names.items()}
    cluster = Cluster(folder, rotated.settings())
    with acting({**operator.variables, "FDT_REPLICATION": "3"}):
        try:
            cluster.start()
            for component, name in names.items():
                set_password(cluster.bootstrap_servers, name, files[component].first_password)
            allowed = [
                binding(right, operation)
                for right in rights(Settings().group_id, {})
                for operation in right.operations
            ]
            admin = kafka.admin_client(cluster.bootstrap_servers)
            for done in admin.create_acls(allowed).values():
                done.result(WITHIN_S)
            with acting(files["operator"].variables):
                assert ensure_topics(cluster.bootstrap_servers, specs_of(Settings())) == []
            yield Guarded(cluster, rotated, files, operator, folder)
        finally:
            cluster.stop()


def test_topics_have_three_copies_of_which_two_must_have_a_record(guarded: Guarded) -> None:
    """As the operator made them, by its own rights."""
    admin = kafka.admin_client(guarded.bootstrap)
    for name, future in broker.settings(admin, [topic.name for topic in TOPICS]).items():
        assert future.result(10)["min.insync.replicas"].value == "2", name


def test_a_password_alone_lets_nobody_in(guarded: Guarded) -> None:
    """Each node asks for a certificate as well."""
    without = {"FDT_KAFKA_CERTIFICATE_FILE": "", "FDT_KAFKA_KEY_FILE": ""}
    told = turned_away(guarded, guarded.files["analyst"].variables | without)
    assert all("asks for a certificate" in sentence for sentence in told), told


@pytest.mark.parametrize("component", WRITERS)
def test_nobody_writes_another_s_topic(guarded: Guarded, component: str) -> None:
    """A publisher neither another source's topic nor a status."""
    with acting(guarded.files[component].variables):
        for topic in {topic.name for topic in TOPICS} - WRITERS[component]:
            told = refusal(guarded.bootstrap, topic)
            assert told is not None, topic
            assert "authorization failed" in told.lower(), (topic, told)


@pytest.mark.parametrize("component", [name for name in USERS if name != "operator"])
@pytest.mark.parametrize("command", ["process", "serve"])
def test_a_program_with_another_s_credentials_says_so(
    guarded: Guarded, tmp_path: Path, component: str, command: str
) -> None:
    """In a sentence, at its start."""
    if component == {"process": "worker", "serve": "read-side"}[command]:
        pytest.skip("its own")
    log, port = tmp_path / "log", free_port()
    with (
        acting(guarded.files[component].variables),
        running(
            command,
            log=log,
            KAFKA_BOOTSTRAP_SERVERS=guarded.bootstrap,
            FDT_DATA_DIR=str(tmp_path),
            FDT_API_PORT=str(port),
        ) as process,
    ):
        until("its end", lambda: process.poll() is not None)
    told = log.read_text()
    found = re.findall(r"^.*fdt: .*$", told, re.MULTILINE)
    assert len(found) == 1, told
    (sentence,) = found
    print(f"\n{command} as {component}: {sentence}")
    assert re.search("does not let|[Aa]uthorization failed", sentence), told
    assert "Traceback" not in told


def turned_away(guarded: Guarded, variables: dict[str, str]) -> list[str]:
    """What each node's refusal comes to; "let in" where there is none."""
    told = []
    with acting(variables):
        for address in guarded.bootstrap.split(","):
            client = kafka.admin_client(address)
            try:
                client.list_topics(timeout=broker.ANSWER_S)
                told.append("let in")
            except KafkaException:
                told.append(kafka.complaint(client) or "no reason")
    return told


def until(what: str, happened: Callable[[], bool], within_s: float = WITHIN_S) -> float:
    """Wait for it; how many seconds that took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < within_s, f"{what} did not happen"
        time.sleep(0.2)
    return time.monotonic() - began


def test_a_campaign_settles_whatever_is_replaced_and_killed(guarded: Guarded) -> None:
    """0 lost, 0 doubled; nobody starts a program."""
    bootstrap, folder, port = guarded.bootstrap, guarded.folder, free_port()
    campaign = Campaign(bootstrap, folder, requests=10, devices=4_000, pause_s=0.08)
    logs = {name: folder / f"{name}-data" / "log" for name in PROGRAMS}
    with ExitStack() as stack:
        stack.callback(campaign.stop)
        programs = {}
        for name, component in PROGRAMS.items():
            logs[name].parent.mkdir()
            programs[name] = stack.enter_context(
                running(
                    *COMMANDS[component],
                    log=logs[name],
                    KAFKA_BOOTSTRAP_SERVERS=bootstrap,
                    FDT_DATA_DIR=str(logs[name].parent),
                    FDT_WORKER_NAME=name,
                    FDT_API_PORT=str(port),
                    FDT_SEARCHES_PER_MINUTE="1000000",
                    **guarded.files[component].variables,
                )
            )
        for source, component in SOURCES.items():
            campaign.start(source, guarded.files[component].variables)
        disturb(guarded, campaign, logs)
        campaign.finish(WITHIN_S)
        records = len(campaign.plan.publications)
        until("the end", lambda: table(bootstrap).counts.get("read", 0) >= records)
        judge(bootstrap, campaign.plan, campaign.schedule)
        assert {name: program.poll() for name, program in programs.items()} == dict.fromkeys(
            PROGRAMS
        )
        api = stack.enter_context(service_centre(logs["read-side"].parent, port))
        until("readiness", lambda: api.get("/readyz").status_code == 200)
        token = str(api.headers["Authorization"]).removeprefix("Bearer ")
        client = stack.enter_context(AuthenticatedClient(str(api.base_url), token))
        assert differences(client, campaign.plan, campaign.schedule.base_ms) == []
    told("the whole", f"{records:,} events: 0 lost, 0 doubled, 0 differ at the read side")


def disturb(guarded: Guarded, campaign: Campaign, logs: dict[str, Path]) -> None:
    """While events flow: a leader is killed, passwords, certificates and the authority change."""
    bootstrap, files = guarded.bootstrap, guarded.files
    until("a first event", lambda: table(bootstrap).counts.get("read", 0) > 500)
    leader = guarded.cluster.leader(STATUS, 0)
    leader.kill()
    reached = table(bootstrap).counts["read"]
    took = until("to go on", lambda: table(bootstrap).counts.get("read", 0) > reached + 200)
    told("leader killed", f"events are folded on after {took:.1f} s")
    leader.start()
    users = [files[component] for component in dict.fromkeys((*SOURCES.values(), "worker"))]
    began = time.monotonic()
    for each in users:
        guarded.rotated.replace_password(bootstrap, each)
    until("passwords", lambda: all(said(log, USED) for log in logs.values()))
    told("passwords replaced", f"used by all programs after {time.monotonic() - began:.1f} s")
    began, starts = time.monotonic(), {log: said(log, STARTED) for log in logs.values()}
    for each in users:
        guarded.rotated.replace_certificate(each)
    until("certificates", lambda: all(said(log, ANEW) for log in logs.values()))
    until("new starts", lambda: all(said(log, STARTED) > starts[log] for log in logs.values()))
    told("certificates replaced", f"programs began again after {time.monotonic() - began:.1f} s")
    guarded.operator.hold(guarded.rotated.second)
    guarded.rotated.forget_the_first(bootstrap, guarded.cluster.nodes)
    leader = guarded.cluster.leader(STATUS, 1)
    began = time.monotonic()
    leader.stop()
    leader.start()
    told("old authority forgotten", f"a leader anew in {time.monotonic() - began:.1f} s")
    files["analyst"].trust(guarded.rotated.second)
    refusals = turned_away(guarded, files["analyst"].variables)
    assert all("is signed by nobody whom" in sentence for sentence in refusals), refusals
    assert campaign.flowing, "the events ended before everything was replaced"


def said(log: Path, words: str) -> int:
    """How often."""
    return len(re.findall(words, log.read_text(errors="replace")))


def told(what: str, figures: str) -> None:
    """A line for docs/reliability.md."""
    print(f"\n{what}: {figures}, load {os.getloadavg()[0]:.1f}")
