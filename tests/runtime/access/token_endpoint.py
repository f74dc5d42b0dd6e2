"""An identity provider that gives access tokens for Kafka to clients that know their secret."""

from __future__ import annotations

import base64
import json
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.local_http import serving_http

ISSUER: Final = "https://idp.example/realms/kafka"
SCOPE: Final = "kafka"


class TokenEndpoint:
    """``secrets`` by client ID; a token is for ``audience`` and lives for ``lives_s``."""

    def __init__(self, lives_s: int) -> None:
        self.secrets: dict[str, str] = {}
        self.audience = "kafka"
        self.lives_s = lives_s
        self.url = ""
        self.given: list[str] = []
        """Client IDs, one for each token."""
        self._key = RSAKey.generate_key(2048, private=True)

    def jwks(self, path: Path) -> Path:
        """Its public key, as a file that brokers read."""
        key = {**self._key.as_dict(private=False), "kid": "1", "use": "sig", "alg": "RS256"}
        path.write_text(json.dumps({"keys": [key]}), encoding="utf-8")
        return path

    def answer(self, authorization: str, body: bytes) -> tuple[int, dict[str, object]]:
        """HTTP status and JSON (RFC 6749, 4.4)."""
        asked = parse_qs(body.decode())
        client, _, secret = (
            base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
        )
        if self.secrets.get(client) != secret:
            return 401, {"error": "invalid_client", "error_description": "Invalid client"}
        if asked.get("scope") != [SCOPE]:
            return 400, {"error": "invalid_scope"}
        assert asked["grant_type"] == ["client_credentials"]
        self.given.append(client)
        return 200, {
            "access_token": self._token(client),
            "token_type": "Bearer",
            "expires_in": self.lives_s,
        }

    def _token(self, client: str) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": self.audience,
            "sub": client,
            "scope": SCOPE,
            "iat": now,
            "exp": now + self.lives_s,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, self._key, ["RS256"])


@contextmanager
def token_endpoint(certificate: tuple[Path, Path], lives_s: int = 300) -> Iterator[TokenEndpoint]:
    """The provider while it runs, with a certificate and its key."""
    made = TokenEndpoint(lives_s)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = made.answer(self.headers.get("Authorization", ""), body)
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Tests have no log."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = _Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    made.url = f"https://127.0.0.1:{server.server_port}/token"
    with serving_http(server):
        yield made


class _Server(ThreadingHTTPServer):
    """One that takes it for no news that a client does not trust it."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing of a failed handshake."""
