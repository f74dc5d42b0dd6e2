"""``make registry``: what happens to a real Apicurio while everything runs, and what it takes.

Not among the tests that ``make test`` runs: the registry is downloaded, and starts six times.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import fastavro
import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from fdt.processes.children import free_port
from schemas.codec import Codec
from schemas.registration import register_all
from schemas.registry import ConfluentRegistry, Incompatible, current_schemas, listed
from schemas.topics import DSP_EVENTS
from sources.wire import Wire
from tests.processor.bad_schemas import HOME, refuses_and_goes_on
from tests.runtime.access.secured import Authority
from tests.support.apicurio import Apicurio, apicurio
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import send
from tests.support.processes import running
from tests.support.registry_gateway import PASSWORD, USER, Gateway, gateway
from tests.support.topics import wait_until_read

SAID_S: Final = 10.0
"""Within this a wait must be in the log."""
RECORDS: Final = 40
"""Published in each disturbance."""


def test_records_of_other_schemas_hold_nothing_up_and_fold_once_mended(
    fresh_topics: str, tmp_path: Path
) -> None:
    """What a registry that checks schemas takes, is refused with its reason."""
    with (
        apicurio(tmp_path / "apicurio") as real,
        SchemaRegistryClient({"url": real.url}) as client,
        closing(ConfluentRegistry(real.url)) as known,
    ):
        register_all(known)

        def register(subject: str, text: str, kind: str) -> int | None:
            try:
                return int(client.register_schema(subject, Schema(text, kind)))
            except SchemaRegistryError as refused:
                if refused.http_status_code != 422:
                    raise
                return None

        print("taken by Apicurio:", refuses_and_goes_on(fresh_topics, real.url, tmp_path, register))


@dataclass
class Run:
    """A worker and a read side at a registry behind its gateway."""

    bootstrap: str
    folder: Path
    real: Apicurio
    before: Gateway
    settings: dict[str, str]
    codec: Codec
    fresh: list[tuple[int, dict[str, Any]]]
    """Schemas that were registered before the trouble, and asked for by nobody yet."""
    published: int = 0
    said_after: dict[str, float] = field(default_factory=dict)
    """Trouble -> seconds until the worker said that it waits."""
    gone_on_after: dict[str, float] = field(default_factory=dict)
    """Trouble -> seconds from its end until all was folded."""

    def publish(self) -> None:
        """Events under a schema that the worker has to ask for."""
        number, schema = self.fresh.pop()
        send([_wire(number, schema) for _ in range(RECORDS)], self.bootstrap)
        self.published += RECORDS

    @contextmanager
    def programs(self) -> Iterator[None]:
        """A worker and a read side."""
        with (
            running("process", log=self.folder / "worker.log", **self.settings),
            running("serve", log=self.folder / "read-side.log", **self.settings),
        ):
            yield

    def trouble(self, name: str, begin: Callable[[], None], finish: Callable[[], None]) -> None:
        """It begins, events come, the worker says that it waits; it ends, and all is folded."""
        begin()
        already, started = len(self.log("worker")), time.monotonic()
        self.publish()
        while "waiting" not in self.log("worker")[already:]:
            assert time.monotonic() - started < SAID_S, f"{name}: nothing was said"
            time.sleep(0.05)
        self.said_after[name] = time.monotonic() - started
        finish()
        self.require_folded(name)

    def require_folded(self, name: str) -> None:
        """Everything that was published, and nothing of it a dead letter."""
        started = time.monotonic()
        found = wait_until_read(self.bootstrap, self.published, codec=self.codec)
        assert found.counts == found.counts | {"folded": self.published, "dead_lettered": 0}
        self.gone_on_after[name] = time.monotonic() - started

    def require_shown(self) -> None:
        """The read side has applied everything, before and after it was started again."""
        deadline = time.monotonic() + 3 * SAID_S
        while True:
            answer = httpx.get(f"http://127.0.0.1:{self.settings['FDT_API_PORT']}/readyz")
            if answer.is_success and answer.json()["freshness"]["lag_events"] == 0:
                return
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.2)

    def wait_until_said(self, program: str, words: str) -> None:
        """In its log, soon."""
        deadline = time.monotonic() + 3 * SAID_S  # it has to start first
        while words not in self.log(program):
            assert time.monotonic() < deadline, self.log(program)
            time.sleep(0.1)

    def log(self, program: str) -> str:
        """What a program has said."""
        path = self.folder / f"{program}.log"
        return path.read_text() if path.exists() else ""

    def fdt(self, *arguments: str) -> str:
        """What a command says."""
        return subprocess.run(
            [sys.executable, "-m", "fdt", *arguments],
            env={**os.environ, **self.settings},
            capture_output=True,
            text=True,
            check=True,
        ).stdout


def _wire(number: int, schema: dict[str, Any]) -> Wire:
    body = io.BytesIO()
    event = dsp_event(event_id=str(uuid.uuid4()))
    fastavro.schemaless_writer(body, fastavro.parse_schema(deepcopy(schema)), event)
    value = b"\x00" + number.to_bytes(4, "big") + body.getvalue()
    return Wire(DSP_EVENTS, HOME, DEVICE.encode(), value, [])


def _versions(known: ConfluentRegistry, how_many: int) -> list[tuple[int, dict[str, Any]]]:
    """So many versions of the DSP's event, each with one more field, registered."""
    subject, schema = current_schemas()["DspEvent"]
    found = []
    for n in range(how_many):
        schema = deepcopy(schema)
        schema["fields"].append({"name": f"extra_{n}", "type": ["null", "int"], "default": None})
        found.append((known.register(subject, schema), schema))
    return found


@pytest.fixture
def run(fresh_topics: str, tmp_path: Path) -> Iterator[Run]:
    """Everything but the programs, with the published schemas registered by ``fdt registry``."""
    authority = Authority.create(tmp_path / "authority")
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    with (
        apicurio(tmp_path / "apicurio") as real,
        gateway(real.url, authority.issue("registry", "127.0.0.1")) as before,
        closing(ConfluentRegistry(real.url)) as known,
    ):
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
            "SCHEMA_REGISTRY_URL": before.url,
            "FDT_SCHEMA_REGISTRY_USER": USER,
            "FDT_SCHEMA_REGISTRY_PASSWORD_FILE": str(password),
            "FDT_SCHEMA_REGISTRY_CA_FILE": str(authority.ca),
            "FDT_DATA_DIR": str(tmp_path / "data"),
            "FDT_API_PORT": str(free_port()),
        }
        made = Run(fresh_topics, tmp_path, real, before, settings, Codec(known), [])
        registered = json.loads("[" + ",".join(made.fdt("registry", "--json").splitlines()) + "]")
        assert [line["id"] for line in registered] == list(listed())
        made.fresh = _versions(known, 9)
        yield made


@pytest.mark.timeout(900)
def test_nothing_is_lost_whatever_happens_to_the_registry(run: Run) -> None:
    """Stopped, hanging, slow, refusing, emptied and restored in the middle of a run."""
    with run.programs():
        run.publish()
        run.require_folded("nothing")
        run.trouble("hangs", run.real.hang, run.real.go_on)
        run.trouble("stopped", run.real.stop, run.real.start)
        for status in (401, 429, 503):
            run.trouble(str(status), partial(_says, run, status), partial(_says, run, None))
        run.before.delay_s = 5.0
        run.publish()
        run.require_folded("slow: 5 s an answer")
        run.before.delay_s = 0.0
    _emptied(run)
    print("said after (s):", {name: round(s, 1) for name, s in run.said_after.items()})
    print("gone on after (s):", {name: round(s, 1) for name, s in run.gone_on_after.items()})


def _says(run: Run, status: int | None) -> None:
    run.before.status = status


def _emptied(run: Run) -> None:
    """A worker that starts meanwhile waits; an event under a lost id becomes a dead letter, which
    folds once it is sent again. The read side goes on with the ids that its view was of."""
    with run.programs():
        run.wait_until_said("read-side", "caught up")
        run.publish()
        run.require_folded("a new worker")
        already = run.published
        run.real.lose_everything()
        run.publish()
        found = wait_until_read(run.bootstrap, run.published, codec=run.codec)
        assert found.counts["dead_lettered"] == RECORDS
    with run.programs():
        run.wait_until_said("worker", "or restore the registry if it had them")
        started = time.monotonic()
        run.real.restore()
        run.fdt("dead-letters", "resend", "--reason", "unknown-schema")
        found = wait_until_read(run.bootstrap, run.published + RECORDS, codec=run.codec)
        run.gone_on_after["emptied and restored"] = time.monotonic() - started
        run.require_shown()
    assert found.counts["folded"] == run.published == already + RECORDS
    letters = [json.loads(line) for line in run.fdt("dead-letters", "list", "--json").splitlines()]
    assert letters == []


def test_a_registry_refuses_what_would_break_its_readers(tmp_path: Path) -> None:
    """Once ``fdt registry`` has been there: a field without a default, another type."""
    with (
        apicurio(tmp_path / "apicurio") as real,
        closing(ConfluentRegistry(real.url)) as known,
    ):
        environment = {**os.environ, "SCHEMA_REGISTRY_URL": real.url}
        subprocess.run([sys.executable, "-m", "fdt", "registry"], env=environment, check=True)
        subject, ours = current_schemas()["DspEvent"]
        mandatory, retyped = deepcopy(ours), deepcopy(ours)
        mandatory["fields"].append({"name": "needed", "type": "string"})
        retyped["fields"][-1]["type"] = "string"
        for wrong in (mandatory, retyped):
            with pytest.raises(Incompatible):
                known.register(subject, wrong)
        assert known.register(subject, ours) == known.id_of("DspEvent")
