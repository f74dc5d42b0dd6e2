"""The health check of the containers, against real servers."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fdt.processes.children import LOCALHOST, free_port
from runtime.ready import main
from tests.support.local_http import serving_http


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that answers everything so; its address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """No log."""

    server = http.server.HTTPServer((LOCALHOST, 0), Answer)
    with serving_http(server):
        yield f"http://{LOCALHOST}:{server.server_port}/readyz"


def test_ready_is_200_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """The engine keeps what is printed: why a part is not ready stands there."""
    with answering(200, b"{}") as url:
        assert main(url) == 0
    with answering(503, b'{"status": "catching up"}') as url:
        assert main(url) == 1
    assert "503: " in capsys.readouterr().out
    assert main(f"http://{LOCALHOST}:{free_port()}/readyz") == 1
    assert "does not answer" in capsys.readouterr().out
