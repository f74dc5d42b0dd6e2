"""A schema registry with the Confluent API on 127.0.0.1, that answers what a test wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from schemas.registry import FileRegistry, listed
from tests.support.local_http import serving_http


@dataclass
class Answer:
    """One answer; ``body`` is JSON unless it is bytes."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


SCHEMA = {"schema": "{}", "schemaType": "AVRO"}
"""What a look-up repeats of its question; nobody reads it."""
_BY_ID = "/schemas/ids/"
UNKNOWN = Answer(404, {"error_code": 40403, "message": "Schema not found"})
UNGUARDED = Answer(404, {"error_code": 40408, "message": "Subject has no level of its own"})


@dataclass
class Registry:
    """What is answered, by path, and which paths were asked for."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    levels: dict[str, str] = field(default_factory=dict)

    def holds(self, schema_id: int, schema: Any, **more: Any) -> None:
        """Register a schema under an id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        self.answers[f"{_BY_ID}{schema_id}"] = Answer(200, {"schema": text, **more})

    def answer(self, path: str, body: bytes) -> Answer:
        """What is known; a schema that is looked up or registered has the id it is held under, or
        a new one."""
        self.asked.append(path)
        if path.startswith("/config"):
            return self._level(path.removeprefix("/config").partition("?")[0], body)
        if not body:
            return self.answers.get(path, UNKNOWN)
        schema = json.loads(json.loads(body)["schema"])
        found = self._id_of(schema)
        if found is None:
            if not path.partition("?")[0].endswith("/versions"):
                return UNKNOWN
            found = 1 + max([0, *self._held()])
            self.holds(found, schema)
        return Answer(200, {"id": found, "subject": path.split("/")[2], "version": 1, **SCHEMA})

    def _level(self, subject: str, body: bytes) -> Answer:
        """How a subject is guarded; what is set is kept, and of all together it is ``BACKWARD``."""
        if body:
            self.levels[subject] = json.loads(body)["compatibility"]
            return Answer(200, {"compatibility": self.levels[subject]})
        if subject and subject not in self.levels:
            return UNGUARDED
        return Answer(200, {"compatibilityLevel": self.levels.get(subject, "BACKWARD")})

    def _held(self) -> dict[int, Answer]:
        """Schema id -> what is answered for it."""
        return {
            int(path.rpartition("/")[2]): answer
            for path, answer in self.answers.items()
            if path.startswith(_BY_ID)
        }

    def _id_of(self, schema: Any) -> int | None:
        for number, answer in self._held().items():
            try:
                if json.loads(answer.body["schema"]) == schema:
                    return number
            except (TypeError, KeyError, ValueError):
                continue  # what is held there is no schema
        return None


@contextmanager
def serving() -> Iterator[Registry]:
    """The registry, until the end of the block."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            answer = registry.answer(self.path, self.rfile.read(size))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.encoded())

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Tests have no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.url = f"http://127.0.0.1:{server.server_port}"
    for schema_id in map(int, listed()):
        registry.holds(schema_id, FileRegistry().schema_of(schema_id))
    with serving_http(server):
        yield registry
