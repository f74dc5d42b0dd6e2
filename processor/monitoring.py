"""The worker's HTTP server for ``/healthz``, ``/readyz`` and ``/metrics``, in a thread of its own.

It answers independently of the event loop and the folding threads. A worker that hangs is ended by
its watchdog; one that is slow shows in its metrics.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from processor.metrics import READY
from runtime.health import Health
from runtime.metrics.definition import Family, new_registry
from runtime.metrics.parts import PartsCollector, UnreadCollector
from runtime.threads import watched
from runtime.topics import TopicsWatch

logger = logging.getLogger(__name__)

METRICS_TYPE: Final = "text/plain; version=1.0.0; charset=utf-8"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Watched:
    """The state that the answers are made from."""

    health: Health
    topics: TopicsWatch
    owned: Callable[[], Collection[int]]
    """Partition numbers owned."""
    settled: Callable[[], bool]
    """Whether the partitions are assigned and resumed."""
    registry: CollectorRegistry = field(default_factory=new_registry)
    """Further metrics."""


class Monitoring:
    """Serves ``/healthz``, ``/readyz`` and ``/metrics``; port 0 lets the system choose one.

    Raises ``OSError`` if the port cannot be bound. ``on_end`` is called if the thread fails.
    """

    def __init__(
        self, host: str, port: int, seen: Watched, on_end: Callable[[BaseException], None]
    ) -> None:
        answers = _Answers(seen)
        self._server = ThreadingHTTPServer((host, port), answers.handler())
        self._server.daemon_threads = True
        self._stopped = False
        self._thread = watched(
            "monitoring",
            self._server.serve_forever,
            stopping=lambda: self._stopped,
            on_end=on_end,
        )

    @property
    def address(self) -> str:
        """URL of the server."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        logger.info("/healthz, /readyz and /metrics on %s", self.address)

    def stop(self) -> None:
        """End the thread and close the port."""
        self._stopped = True
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Answers:
    def __init__(self, seen: Watched) -> None:
        self._seen = seen
        self._registry = seen.registry
        self._registry.register(PartsCollector(seen.health))
        self._registry.register(UnreadCollector(seen.topics))
        self._registry.register(_ReadyCollector(self._is_ready))

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """HTTP status, content type and body."""
        if path == "/metrics":
            return 200, METRICS_TYPE, generate_latest(self._registry)
        if path == "/healthz":
            return 200, _JSON, _encoded({"status": "ok"})
        if path == "/readyz":
            told = self._readiness()
            return (200 if told["status"] == "ready" else 503), _JSON, _encoded(told)
        return 404, _JSON, _encoded({"status": "there is /healthz, /readyz and /metrics"})

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The handler class; the server makes an instance for each connection."""
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(with_body=True)

            def do_HEAD(self) -> None:
                self._send(with_body=False)

            def _send(self, with_body: bool) -> None:
                status, content_type, body = answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Requests are not logged."""

        return Handler

    def _is_ready(self) -> bool:
        return self._seen.settled() and not self._seen.health.troubles()

    def _readiness(self) -> dict[str, Any]:
        """Ready once the partitions are assigned and resumed, and while every part works."""
        troubles, settled = self._seen.health.troubles(), self._seen.settled()
        return {
            "status": "ready" if self._is_ready() else "not-ready",
            "partitions": sorted(self._seen.owned()) if settled else None,
            "troubles": dict(troubles),
        }


class _ReadyCollector(Collector):
    def __init__(self, is_ready: Callable[[], bool]) -> None:
        self._is_ready = is_ready

    def collect(self) -> Iterator[Family]:
        yield READY.of(self._is_ready())


def _encoded(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told).encode() + b"\n"
