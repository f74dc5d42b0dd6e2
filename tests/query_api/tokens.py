"""Access tokens for tests: good ones, and every bad one that an attacker would try."""

from __future__ import annotations

import base64
import hmac
import json
import time
import warnings
from typing import Any

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

ISSUER = "https://idp.example/realms/ssi"
AUDIENCE = "firmware-tracking"


class TokenMaker:
    """Signs like an identity provider with one EC key."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", private=True)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of a good token; a change to None leaves the claim out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "exp": now + 600,
            "roles": ["supplier"],
            "user_ids": ["90-B3-D5-1F-30-01-00-00"],
        }
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def make(
        self,
        *,
        header: dict[str, Any] | None = None,
        key: ECKey | RSAKey | OKPKey | None = None,
        **changes: Any,
    ) -> str:
        """A signed token."""
        full = {"alg": "ES256", "kid": self.key.thumbprint(), **(header or {})}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA by its old name
            return jwt.encode(full, self.claims(**changes), key or self.key, [full["alg"]])

    def by_public_key(self) -> str:
        """A token whose shared secret is the public key, which everybody knows."""
        header = {"alg": "HS256", "typ": "JWT", "kid": self.key.thumbprint()}
        content = f"{_part(header)}.{_part(self.claims())}"
        secret = self.key.as_pem(private=False)
        return f"{content}.{_base64(hmac.digest(secret, content.encode(), 'sha256'))}"

    def unsigned(self, alg: str = "none") -> str:
        """A token that claims to need no signature."""
        header = {"alg": alg, "typ": "JWT", "kid": self.key.thumbprint()}
        return f"{_part(header)}.{_part(self.claims())}."


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
