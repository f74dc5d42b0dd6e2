"""The read side as a process: it starts, answers, and stops in order."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fdt.processes.children import free_port
from query_api.assembly import ReadSideConfig
from query_api.identity.access import Role
from query_api.identity.access_tokens import Claims, development_token
from query_api.identity.keys import DEVELOPMENT_ISSUER, DevelopmentKey
from query_api.server import CannotServe, accepted_issuers, run
from tests.query_api.tokens import ISSUER
from tests.query_api.view.test_feed import Processor
from tests.query_api.world import ALPHA, DAY_MS, accepted, device_id, request_id
from tests.support.processes import running

R1 = request_id(1)


@pytest.fixture
def config(tmp_path: Path) -> ReadSideConfig:
    """A development read side that finds no broker."""
    return ReadSideConfig(
        bootstrap="127.0.0.1:1",
        data_dir=tmp_path,
        view_folder=tmp_path / "view-0",
        host="127.0.0.1",
        port=0,
        profile="development",
        retention_ms=30 * DAY_MS,
        oidc_audience="firmware-tracking",
    )


def test_development_tokens_count_only_on_this_machine_and_in_development(
    config: ReadSideConfig,
) -> None:
    """With either missing the development issuer is unknown; nobody at all is refused at once."""
    assert list(accepted_issuers(config)) == [DEVELOPMENT_ISSUER]
    assert list(accepted_issuers(replace(config, oidc_issuer=ISSUER))) == [
        ISSUER,
        DEVELOPMENT_ISSUER,
    ]
    for changed in (replace(config, profile="production"), replace(config, host="0.0.0.0")):
        assert list(accepted_issuers(replace(changed, oidc_issuer=ISSUER))) == [ISSUER]
        with pytest.raises(CannotServe, match="FDT_OIDC_ISSUER"):
            accepted_issuers(changed)


def test_a_port_in_use_is_one_clear_sentence(config: ReadSideConfig) -> None:
    """Which port, and what to do."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(CannotServe, match=r"Cannot listen on 127.0.0.1 port \d+; another program"),
    ):
        run(replace(config, port=other.getsockname()[1]))


def test_an_address_of_another_machine_is_one_clear_sentence(config: ReadSideConfig) -> None:
    """So is a host that cannot be listened on."""
    with pytest.raises(CannotServe, match="set FDT_API_HOST"):
        run(replace(config, host="192.0.2.1", oidc_issuer=ISSUER))


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """The address that the process printed."""
    for _ in range(600):
        found = re.search(r"https?://\S+:\d+", log.read_text())
        if found:
            return found.group()
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def serving(
    bootstrap: str, folder: Path, log: Path
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """``fdt serve`` on a port that nobody uses."""
    return running(
        "serve",
        log=log,
        KAFKA_BOOTSTRAP_SERVERS=bootstrap,
        FDT_DATA_DIR=str(folder),
        FDT_API_PORT=str(free_port()),
    )


def wait_ready(url: str, verify: ssl.SSLContext | bool = True) -> None:
    """Until ``/readyz`` says so."""
    for _ in range(600):
        try:
            if httpx.get(f"{url}/readyz", verify=verify).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("never ready")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_stops_in_order(
    fresh_topics: str, tmp_path: Path, how: signal.Signals
) -> None:
    """``fdt serve`` to the first answer, a signal, exit code 0, and a view that opens again."""
    Processor(fresh_topics).commit({device_id(1): [accepted(R1)]})
    key = DevelopmentKey(tmp_path)
    token = development_token(
        key,
        audience="firmware-tracking",
        claims=Claims(),
        subject="dev",
        user_ids=[ALPHA],
        roles=[Role.SUPPLIER],
        valid_s=600,
    )
    log = tmp_path / "serve.log"
    for _ in range(2):
        log.write_text("")
        with serving(fresh_topics, tmp_path, log) as process:
            url = address_in(log, process)
            wait_ready(url)
            answer = httpx.get(
                f"{url}/v1/devices/{device_id(1)}", headers={"Authorization": f"Bearer {token}"}
            )
            assert [item["service_request_id"] for item in answer.json()["items"]] == [R1]
            assert "server" not in answer.headers
            process.send_signal(how)
            assert process.wait(20) == 0, log.read_text()
        text = log.read_text()
        assert "Traceback" not in text
        assert device_id(1) not in text
    assert "new view" not in text, "the second start goes on from the first one's view"


def test_a_feed_that_cannot_go_on_ends_the_process(fresh_topics: str, tmp_path: Path) -> None:
    """Exit code 1 and one sentence, so that a supervisor starts it again and a person knows why."""
    log = tmp_path / "serve.log"
    with serving(fresh_topics, tmp_path, log) as process:
        wait_ready(address_in(log, process))
        Processor(fresh_topics).write(b"no device", b"\x00")
        assert process.wait(20) == 1
    assert "is not a record of the processor" in log.read_text()
    assert "Traceback" not in log.read_text()
