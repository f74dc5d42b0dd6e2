"""A schema registry with the Confluent API on 127.0.0.1, that answers what a test wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from schemas.registry import FileRegistry


@dataclass
class Answer:
    """One answer; ``body`` is JSON unless it is bytes."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


UNKNOWN = Answer(404, {"error_code": 40403, "message": "Schema not found"})


@dataclass
class Registry:
    """What is answered, by path, and which paths were asked for."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def holds(self, schema_id: int, schema: Any, **more: Any) -> None:
        """Register a schema under an id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        self.answers[f"/schemas/ids/{schema_id}"] = Answer(200, {"schema": text, **more})

    def answer(self, path: str, body: bytes) -> Answer:
        """What is known, or our own ids for our own records."""
        self.asked.append(path)
        if body:
            record = json.loads(json.loads(body)["schema"])["name"]
            return Answer(200, {"id": FileRegistry().id_of(record)})
        return self.answers.get(path, UNKNOWN)


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

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Tests have no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.url = f"http://127.0.0.1:{server.server_port}"
        for schema_id in range(1, 10):
            registry.holds(schema_id, FileRegistry().schema_of(schema_id))
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
