"""TLS, certificates, passwords, tokens: each way into a broker works for every client, and whoever
takes a wrong one is told in a sentence which setting is wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import KafkaException

from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import free_port
from fdt.settings import Settings
from runtime import kafka
from schemas.codec import Codec
from schemas.topics import DSP_EVENTS
from tests.runtime.access.many_ways import WITHIN_S, ManyWays, acting, set_password
from tests.runtime.access.secured import PASSWORDS, Authority, variables
from tests.runtime.access.token_endpoint import token_endpoint
from tests.support.events import DEVICE, dsp_event
from tests.support.processes import running, worker
from tests.support.read_side import service_centre, until_answered

LIVES_S: Final = 6
"""Of a token: several end while the pipe works."""


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyWays]:
    """The broker, with the user ``worker``."""
    folder = tmp_path_factory.mktemp("ways")
    authority = Authority.create(folder / "authority")
    with token_endpoint(authority.issue("tokens", "127.0.0.1"), LIVES_S) as tokens:
        made = ManyWays(folder, authority, tokens)
        with acting(variables(authority, "broker", "PLAIN")), made.broker() as broker:
            set_password(broker.bootstrap_servers, "worker", PASSWORDS["worker"])
            ensure_topics(broker.bootstrap_servers, specs_of(Settings()))
            yield made


@pytest.mark.parametrize("way", ["MUTUAL", "TOKENS"])
def test_every_client_comes_in(ways: ManyWays, way: str, tmp_path: Path) -> None:
    """A publisher, Faust's client and the worker's own, the read side's; tokens end meanwhile."""
    environment = ways.by_certificate() if way == "MUTUAL" else ways.by_token()
    bootstrap, port = ways.at(way), free_port()
    for name in ("worker", "read-side"):
        (tmp_path / name).mkdir()
    with acting(environment):
        producer = kafka.producer(bootstrap, "publisher")
        producer.produce(DSP_EVENTS, Codec().encode("DspEvent", dsp_event()), DEVICE.encode())
        assert producer.flush(WITHIN_S) == 0
        with (
            worker(bootstrap, tmp_path / "worker"),
            running(
                "serve",
                log=tmp_path / "read-side" / "log",
                KAFKA_BOOTSTRAP_SERVERS=bootstrap,
                FDT_DATA_DIR=str(tmp_path / "read-side"),
                FDT_API_PORT=str(port),
            ),
            service_centre(tmp_path / "read-side", port) as api,
        ):
            until_answered(api, DEVICE, WITHIN_S)
            if way == "TOKENS":
                time.sleep(2 * LIVES_S)  # every connection has to prove itself anew
                second = "00-DB-12-34-56-78-90-B7"
                event = {**dsp_event(), "device_id": second}
                producer.produce(DSP_EVENTS, Codec().encode("DspEvent", event), second.encode())
                assert producer.flush(WITHIN_S) == 0
                until_answered(api, second, WITHIN_S)
    assert "Traceback" not in (tmp_path / "worker" / "log").read_text()


def wrong_ways(ways: ManyWays, folder: Path) -> dict[str, tuple[str, dict[str, str], str]]:
    """What is wrong -> (address, environment, what is said)."""
    other = Authority.create(folder / "other")
    foreign = other.issue("worker", file="foreign")
    expired = ways.authority.issue("worker", file="old", expired=True)
    secret = folder / "secret"
    secret.write_text("not it", encoding="utf-8")
    password, token = ways.by_password(), ways.by_token()
    certificate = ways.by_certificate()
    plain = {"FDT_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}
    tls = {"FDT_KAFKA_SECURITY_PROTOCOL": "SSL", "FDT_KAFKA_CA_FILE": str(ways.authority.ca)}

    def shown(pair: tuple[Path, Path]) -> dict[str, str]:
        return {
            **tls,
            "FDT_KAFKA_CERTIFICATE_FILE": str(pair[0]),
            "FDT_KAFKA_KEY_FILE": str(pair[1]),
        }

    return {
        "no TLS where there is TLS": (ways.at(), plain, "speaks TLS: set FDT_KAFKA_SECURITY_PROTO"),
        "TLS where there is none": (
            ways.at("OPEN"),
            password,
            "does not speak TLS: set FDT_KAFKA_",
        ),
        "whose certificates": (
            ways.at(),
            {**password, "FDT_KAFKA_CA_FILE": str(other.ca)},
            "signed by nobody in FDT_KAFKA_CA_FILE",
        ),
        "the broker's name": (ways.at(host="localhost"), password, "is for another name"),
        "the broker's time": (ways.at("EXPIRED"), password, "has expired: its operator"),
        "the password": (
            ways.at(),
            {**password, "FDT_KAFKA_PASSWORD_FILE": str(secret)},
            "does not know FDT_KAFKA_USER worker, or the password in FDT_KAFKA_PASSWORD_FILE",
        ),
        "the user": (ways.at(), {**password, "FDT_KAFKA_USER": "nobody"}, "FDT_KAFKA_USER nobody"),
        "the mechanism": (
            ways.at(),
            {**password, "FDT_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
            "does not take FDT_KAFKA_SASL_MECHANISM SCRAM-SHA-256",
        ),
        "no user where one is asked for": (ways.at(), tls, "wants a user: set FDT_KAFKA_SECURITY"),
        "a user where none is asked for": (
            ways.at("MUTUAL"),
            {**password, **certificate, "FDT_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
            "no user",
        ),
        "no certificate of ours": (ways.at("MUTUAL"), tls, "asks for a certificate: set FDT_"),
        "who signed ours": (ways.at("MUTUAL"), shown(foreign), "foreign.pem is signed by nobody"),
        "the time of ours": (ways.at("MUTUAL"), shown(expired), "old.pem has expired"),
        "the client's secret": (
            ways.at("TOKENS"),
            {**token, "FDT_KAFKA_PASSWORD_FILE": str(secret)},
            "no token to FDT_KAFKA_USER worker (HTTP 401: invalid_client Invalid client): check",
        ),
        "the scope": (
            ways.at("TOKENS"),
            {**token, "FDT_KAFKA_TOKEN_SCOPE": "other"},
            "check FDT_KAFKA_TOKEN_SCOPE",
        ),
        "whose token endpoint": (
            ways.at("TOKENS"),
            {**token, "FDT_KAFKA_TOKEN_CA_FILE": str(other.ca)},
            "name who signed its certificate in FDT_KAFKA_TOKEN_CA_FILE",
        ),
        "where the token endpoint is": (
            ways.at("TOKENS"),
            {**token, "FDT_KAFKA_TOKEN_URL": f"https://127.0.0.1:{free_port()}/token"},
            "check the address, and that it can be reached",
        ),
        "the address": (f"127.0.0.1:{free_port()}", password, "check KAFKA_BOOTSTRAP_SERVERS"),
        "the host": ("nowhere.invalid:9092", password, "There is no host nowhere.invalid"),
    }


def test_what_is_wrong_is_said_in_a_sentence(ways: ManyWays, tmp_path: Path) -> None:
    """By the name of the setting that mends it; all are asked at once, for each takes a while."""
    wrong = wrong_ways(ways, tmp_path)
    asked = {}
    for what, (bootstrap, environment, _) in wrong.items():
        with acting(environment):
            asked[what] = kafka.admin_client(bootstrap)

    def ask(what: str) -> None:
        with pytest.raises(KafkaException):
            asked[what].list_topics(timeout=4.0)

    threads = [threading.Thread(target=ask, args=[what]) for what in wrong]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = {}
    for what, (_, environment, _) in wrong.items():
        with acting(environment):
            said[what] = kafka.complaint(asked[what])
    missed = {what: said[what] for what in wrong if wrong[what][2] not in (said[what] or "")}
    assert missed == {}
    assert len(set(said.values())) == len(said), "two reasons with one sentence"


def test_a_token_for_somebody_else_is_told(ways: ManyWays) -> None:
    """The provider gives it, the broker does not take it."""
    environment = ways.by_token()
    ways.tokens.audience = "another"
    try:
        with acting(environment):
            client = kafka.admin_client(ways.at("TOKENS"))
            with pytest.raises(KafkaException):
                client.list_topics(timeout=4.0)
            assert "check that issuer, audience and scope" in (kafka.complaint(client) or "")
    finally:
        ways.tokens.audience = "kafka"


def test_a_certificate_says_who_it_is(ways: ManyWays) -> None:
    """Another component's is believed to be that one, and may do what that one may: nothing."""
    certificate, key = ways.authority.issue("somebody")
    mine = {
        **ways.by_certificate(),
        "FDT_KAFKA_CERTIFICATE_FILE": str(certificate),
        "FDT_KAFKA_KEY_FILE": str(key),
    }
    with acting(mine):
        found = kafka.admin_client(ways.at("MUTUAL")).list_topics(DSP_EVENTS, timeout=10)
    assert "authorization failed" in str(found.topics[DSP_EVENTS].error).lower()
