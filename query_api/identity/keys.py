"""Keys that sign access tokens: an OIDC provider's, by discovery, or the local development key.

Public keys are held in memory; a provider that is away is no reason to refuse tokens whose key is
known, but keys that could not be confirmed for a day are not trusted any more.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from query_api.identity.provider_http import ProviderAway, ProviderHttp

logger = logging.getLogger(__name__)

DEVELOPMENT_ISSUER: Final = "fdt-development"
DEVELOPMENT_KEY_FILE: Final = "development-key.jwk"
REFRESH_AT_MOST_EVERY_S: Final = 60.0
"""An unknown key ID, which anybody can send, asks the provider no more often than this."""
RETRY_EVERY_S: Final = 5.0
"""When to ask again a provider that did not answer as it should."""
CONFIRM_EVERY_S: Final = 3600.0
"""Known keys are fetched anew this often, so that a withdrawn one is noticed."""
TRUSTED_FOR_S: Final = 86_400.0

_KEY_TYPES: Final[dict[str, type[ECKey | RSAKey | OKPKey]]] = {
    "EC": ECKey,
    "RSA": RSAKey,
    "OKP": OKPKey,
}


class UnknownKey(LookupError):
    """The issuer has no key of that ID."""


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    def key(self, kid: str) -> Key:
        """The public key of this ID; raises :class:`UnknownKey` or :class:`ProviderAway`."""


class DevelopmentKey:
    """An EC P-256 key in a file that only its owner can read; made on first use."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / DEVELOPMENT_KEY_FILE
        if not path.exists():
            _create(path)
        self.private = ECKey.import_key(msgspec.json.decode(path.read_bytes(), type=dict[str, Any]))
        self._public = ECKey.import_key(self.private.as_dict(private=False))
        self.kid = self.private.thumbprint()

    def published(self) -> dict[str, Any]:
        """The public half as a key set."""
        public = {**self._public.as_dict(private=False), "kid": self.kid, "use": "sig"}
        return {"keys": [{**public, "alg": "ES256"}]}

    def key(self, kid: str) -> Key:
        """The public half, if ``kid`` is its ID."""
        if kid != self.kid:
            raise UnknownKey("this is another machine's development key")
        return self._public


def _create(path: Path) -> None:
    """Write a new key beside ``path`` and link it there: complete, 0600, and never over another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = ECKey.generate_key("P-256", private=True)
    handle, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(key.as_dict(private=True)))
        os.link(name, path)
    except FileExistsError:
        logger.info("another process made the development key first")
    finally:
        os.unlink(name)


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeyList(msgspec.Struct):
    keys: list[dict[str, Any]]


class OidcKeys:
    """The keys of an OpenID Connect provider, by its discovery document. Safe for many threads."""

    def __init__(
        self,
        issuer: str,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        ca_file: Path | None = None,
    ) -> None:
        self._issuer = issuer
        self._http = ProviderHttp(issuer, client, ca_file)
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, Key] = {}
        self._confirmed_at = self._ask_at = -float("inf")
        self._away = f"The keys of {issuer} are not known yet."

    def key(self, kid: str) -> Key:
        """The key of this ID; asks the provider where it is unknown or not confirmed of late."""
        found = self._keys.get(kid)
        if found is None or self._age() > CONFIRM_EVERY_S:
            self._refresh(wait=found is None)
            found = self._keys.get(kid)
        if self._age() > TRUSTED_FOR_S:
            raise ProviderAway(self._away)
        if found is None:
            raise UnknownKey(f"{self._issuer} has no such key")
        return found

    def _age(self) -> float:
        """Seconds since the keys were confirmed."""
        return self._clock() - self._confirmed_at

    def _refresh(self, *, wait: bool) -> None:
        """Fetch the keys if that is due; with a known key nobody waits for another's attempt."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._clock() >= self._ask_at:
                self._try()
        finally:
            self._lock.release()

    def _try(self) -> None:
        """One attempt; a failure keeps the keys that are held."""
        try:
            self._keys = self._fetch()
        except ProviderAway as error:
            self._away = str(error)
            self._ask_at = self._clock() + RETRY_EVERY_S
            logger.warning("%s", self._away)
        else:
            self._confirmed_at = self._clock()
            self._ask_at = self._confirmed_at + REFRESH_AT_MOST_EVERY_S

    def _fetch(self) -> dict[str, Key]:
        document = self._http.discovered(_Discovery)
        found = {}
        for listed in self._http.answer(document.jwks_uri, _KeyList).keys:
            kid, key = listed.get("kid"), _signing_key(listed)
            if isinstance(kid, str) and key is not None:
                found[kid] = key
        return found


def _signing_key(listed: dict[str, Any]) -> Key | None:
    """A published key, or none where it is not for signatures that this server accepts."""
    kind = _KEY_TYPES.get(str(listed.get("kty")))
    if kind is None or listed.get("use", "sig") != "sig":
        return None
    try:
        return kind.import_key(listed)
    except (JoseError, ValueError) as error:
        logger.warning("a key of the identity provider is left out: %s", error)
        return None
