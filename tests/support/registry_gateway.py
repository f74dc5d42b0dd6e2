"""What stands before a registry in production: TLS, a password, now and then trouble of its own."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.local_http import serving_http

USER: Final = "fdt-worker"
PASSWORD: Final = "of-the-registry"
_WANTED: Final = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_PASSED_ON: Final = ("content-type", "accept")


class Gateway:
    """Passes on to ``behind`` what comes with the password, ``delay_s`` late; or answers
    ``status`` itself."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.delay_s = 0.0
        self.status: int | None = None
        self.url = ""

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        if headers.get("Authorization") != _WANTED:
            return 401, "text/html", b"<html>Unauthorized</html>"
        if self.status is not None:
            return self.status, "text/html", b"<html>no</html>"
        time.sleep(self.delay_s)
        passed = {name: headers[name] for name in _PASSED_ON if name in headers}
        try:
            found = httpx.request(
                method, self.behind + path, headers=passed, content=body, timeout=60
            )
        except httpx.TransportError:
            return 502, "text/html", b"<html>Bad Gateway</html>"
        return found.status_code, found.headers.get("content-type", ""), found.content


@contextmanager
def gateway(behind: str, certificate: tuple[Path, Path]) -> Iterator[Gateway]:
    """The gateway while it runs, with a certificate and its key."""
    made = Gateway(behind)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            status, kind, content = made.answer(self.command, self.path, self.headers, body)
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ssl.SSLError, ConnectionResetError):
                pass  # who asked has gone, which is what a slow gateway is tried for

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Tests have no log."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"https://127.0.0.1:{server.server_port}"
    with serving_http(server):
        yield made
