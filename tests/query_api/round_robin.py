"""A balancer without stickiness: every request goes to the next server, past one that is down."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx

from tests.support.local_http import serving_http

_NOT_PASSED_ON: Final = ("host", "connection", "content-length", "transfer-encoding")


class RoundRobin:
    """Where requests go, and who answered how many."""

    def __init__(self, servers: Sequence[str]) -> None:
        self.servers = list(servers)
        self.answered = dict.fromkeys(servers, 0)
        self.url = ""
        self._next = itertools.cycle(range(len(servers)))

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> httpx.Response:
        """Of the next server, or else of the one after it."""
        sent = [(k, v) for k, v in headers.items() if k.lower() not in _NOT_PASSED_ON]
        for _ in self.servers:
            server = self.servers[next(self._next)]
            try:
                found = httpx.request(method, server + path, headers=sent, content=body, timeout=30)
            except httpx.TransportError:
                continue
            self.answered[server] += 1
            return found
        return httpx.Response(502)


@contextmanager
def round_robin(servers: Sequence[str], port: int) -> Iterator[RoundRobin]:
    """The balancer on ``port`` while it runs."""
    made = RoundRobin(servers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = made.answer(self.command, self.path, self.headers, body)
            self.send_response(found.status_code)
            for name, value in found.headers.multi_items():
                if name not in (*_NOT_PASSED_ON, "content-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Tests have no log."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    with serving_http(server):
        yield made
