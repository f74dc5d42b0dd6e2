"""What a registry may answer over HTTP: a schema, that it has none, or an outage."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from schemas import registry as module
from schemas.registry import (
    ConfluentRegistry,
    RegistryUnavailable,
    UnknownSchemaId,
    UnusableSchema,
    current_schemas,
)

SCHEMA: Final = json.dumps(current_schemas()["DspEvent"][1])
JSON: Final = "application/vnd.schemaregistry.v1+json"


class Answers:
    """A server on 127.0.0.1 that gives one answer to everything, and counts the questions."""

    def __init__(self) -> None:
        self.status, self.body, self.content_type = 200, b"", JSON
        self.headers: dict[str, str] = {}
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                if outer.status == 0:  # the connection ends without an answer
                    return
                self.send_response(outer.status)
                self.send_header("Content-Type", outer.content_type)
                self.send_header("Content-Length", str(len(outer.body)))
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, format: str, *args: Any) -> None:
                """The tests print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def says(
        self,
        status: int,
        body: bytes | dict[str, Any],
        content_type: str = JSON,
        **headers: str,
    ) -> None:
        """From now on it answers so; ``Retry_After`` is the header ``Retry-After``."""
        self.status, self.content_type = status, content_type
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()


@contextmanager
def answering() -> Iterator[Answers]:
    """The server while it runs."""
    answers = Answers()
    thread = threading.Thread(target=answers.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield answers
    finally:
        answers.server.shutdown()
        thread.join()
        answers.server.server_close()


NOT_FOUND: Final = {"error_code": 40403, "message": "Schema not found"}

BAD_INPUT: Final[dict[str, tuple[int, bytes | dict[str, Any], type[Exception]]]] = {
    "not known": (404, NOT_FOUND, UnknownSchemaId),
    "Protobuf": (200, {"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"}, UnusableSchema),
    "JSON Schema": (200, {"schema": "{}", "schemaType": "JSON"}, UnusableSchema),
    "no JSON": (200, {"schema": "record DspEvent"}, UnusableSchema),
    "no schema": (200, {"subject": "x"}, UnusableSchema),
    "nested without end": (200, {"schema": "[" * 100_000}, UnusableSchema),
    "a reference": (
        200,
        {"schema": SCHEMA, "references": [{"name": "x", "subject": "x", "version": 1}]},
        UnusableSchema,
    ),
}

OUTAGES: Final[dict[str, tuple[int, bytes | dict[str, Any]]]] = {
    "a proxy's page": (200, b"<html>sign in</html>"),
    "a list": (200, b"[1]"),
    "a text": (200, b'"x"'),
    "nothing": (200, b""),
    "a proxy that has no such page": (404, b"<html>not found</html>"),
    "no right": (401, {"error_code": 401, "message": "Unauthorized"}),
    "forbidden": (403, {"error_code": 403, "message": "Forbidden"}),
    "too slow": (408, b""),
    "too many": (429, {"error_code": 429, "message": "Too many requests"}),
    "moved": (301, b""),
    "not allowed": (405, b""),
    "broken": (500, {"error_code": 50001, "message": "Error in the backend store"}),
    "starting": (503, b"starting"),
    "no answer": (0, b""),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Answers]:
    """One server for all: its answer is set by each test."""
    with answering() as answers:
        yield answers


def asked(server: Answers) -> ConfluentRegistry:
    """A registry client that has asked nothing yet."""
    return ConfluentRegistry(server.url)


def test_a_schema_is_asked_for_once(server: Answers) -> None:
    """Ids never change."""
    server.says(200, {"schema": SCHEMA})
    registry, before = asked(server), server.asked
    assert [registry.schema_of(7) for _ in range(3)] == [json.loads(SCHEMA)] * 3
    assert server.asked == before + 1


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_what_is_no_schema_for_us_is_bad_input(server: Answers, kind: str) -> None:
    """The record that names it is refused, and the partition moves on."""
    status, body, refusal = BAD_INPUT[kind]
    server.says(status, body)
    with pytest.raises(refusal):
        asked(server).schema_of(7)


@pytest.mark.parametrize("kind", OUTAGES)
def test_what_is_no_answer_of_a_registry_is_an_outage(server: Answers, kind: str) -> None:
    """No record is refused for it: it is waited for, and goes on when the registry is back."""
    server.says(*OUTAGES[kind])
    registry = asked(server)
    with pytest.raises(RegistryUnavailable, match=server.url):
        registry.schema_of(7)
    server.says(200, {"schema": SCHEMA})
    assert registry.schema_of(7) == json.loads(SCHEMA)


def test_refused_credentials_name_the_setting(server: Answers) -> None:
    """An operator mends it."""
    server.says(401, {"error_code": 401, "message": "Unauthorized"})
    with pytest.raises(RegistryUnavailable, match="FDT_SCHEMA_REGISTRY_USER"):
        asked(server).schema_of(7)


def test_a_registry_that_is_not_there_is_an_outage() -> None:
    """Nobody listens."""
    with answering() as gone:
        url = gone.url
    with pytest.raises(RegistryUnavailable):
        ConfluentRegistry(url).schema_of(7)


def test_a_registry_that_hangs_is_an_outage(
    server: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that one question may take."""
    hang, hung = threading.Event(), threading.Event()

    def wait(*_: Any) -> None:
        hung.set()
        hang.wait(10)

    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    monkeypatch.setattr(server.server.RequestHandlerClass, "do_GET", wait)
    try:
        with pytest.raises(RegistryUnavailable):
            asked(server).schema_of(7)
    finally:
        hang.set()
    assert hung.is_set()


def test_an_unknown_id_is_asked_for_again_after_a_while(server: Answers) -> None:
    """A flood of records under it is one question; a schema that is registered later is found."""
    now = 0.0
    server.says(404, NOT_FOUND)
    registry, before = ConfluentRegistry(server.url, clock=lambda: now), server.asked
    for _ in range(100):
        with pytest.raises(UnknownSchemaId):
            registry.schema_of(7)
    assert server.asked == before + 1
    server.says(200, {"schema": SCHEMA})
    now = module.ASK_AGAIN_S
    assert registry.schema_of(7) == json.loads(SCHEMA)


def test_an_id_that_no_registry_can_have_is_not_asked_for(server: Answers) -> None:
    """Four bytes hold larger numbers than ids can be."""
    before = server.asked
    with pytest.raises(UnknownSchemaId):
        asked(server).schema_of(2**31)
    assert server.asked == before
