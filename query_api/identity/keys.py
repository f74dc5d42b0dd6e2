"""Keys that sign access tokens: an OIDC provider's, by discovery, or the local development key.

Public keys are held in memory. While the provider is away tokens with a known key are accepted,
until the keys have not been confirmed for a day.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from query_api.identity.own_secrets import own_secret
from query_api.identity.provider_http import ProviderAway, ProviderHttp

logger = logging.getLogger(__name__)

DEVELOPMENT_ISSUER: Final = "fdt-development"
DEVELOPMENT_KEY_FILE: Final = "development-key.jwk"
REFRESH_AT_MOST_EVERY_S: Final = 60.0
"""Least time between requests to the provider because of unknown key IDs: anybody can send one."""
RETRY_EVERY_S: Final = 5.0
"""Time until a provider that did not answer correctly is asked again."""
CONFIRM_EVERY_S: Final = 3600.0
"""How often known keys are fetched again, so that a withdrawn one is noticed."""
TRUSTED_FOR_S: Final = 86_400.0

_KEY_TYPES: Final[dict[str, type[ECKey | RSAKey | OKPKey]]] = {
    "EC": ECKey,
    "RSA": RSAKey,
    "OKP": OKPKey,
}


class UnknownKey(LookupError):
    """The issuer has no key of that ID."""


class KeySource(Protocol):
    """Port: the keys of one issuer."""

    def holds(self, kid: str) -> bool:
        """Whether :meth:`key` answers at once, without a question to the provider."""

    def key(self, kid: str) -> Key:
        """The public key of this ID; raises :class:`UnknownKey` or :class:`ProviderAway`."""


class DevelopmentKey:
    """An EC P-256 key in a file that only its owner can read; made on first use."""

    def __init__(self, data_dir: Path) -> None:
        stored = own_secret(data_dir / DEVELOPMENT_KEY_FILE, _new_key)
        self.private = ECKey.import_key(msgspec.json.decode(stored, type=dict[str, Any]))
        self._public = ECKey.import_key(self.private.as_dict(private=False))
        self.kid = self.private.thumbprint()

    def published(self) -> dict[str, Any]:
        """The public key as a key set."""
        public = {**self._public.as_dict(private=False), "kid": self.kid, "use": "sig"}
        return {"keys": [{**public, "alg": "ES256"}]}

    def holds(self, kid: str) -> bool:
        """Always: nobody is asked."""
        return True

    def key(self, kid: str) -> Key:
        """The public key; :class:`UnknownKey` if ``kid`` is not its ID."""
        if kid != self.kid:
            raise UnknownKey("this is another machine's development key")
        return self._public


def _new_key() -> bytes:
    return msgspec.json.encode(ECKey.generate_key("P-256", private=True).as_dict(private=True))


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

    def holds(self, kid: str) -> bool:
        """Whether the key of this ID is known, and not due to be confirmed."""
        return kid in self._keys and self._age() <= CONFIRM_EVERY_S

    def key(self, kid: str) -> Key:
        """The key of this ID; asks the provider if it is unknown or due to be confirmed.

        Raises :class:`UnknownKey`, or :class:`ProviderAway`."""
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
        """Fetch the keys if that is due. If another thread does so, ``wait`` for it or return."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._clock() >= self._ask_at:
                self._try()
        finally:
            self._lock.release()

    def _try(self) -> None:
        """One attempt; after a failure the known keys stay in use."""
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
    """A published key; ``None`` if it is not for signatures that this server accepts."""
    kind = _KEY_TYPES.get(str(listed.get("kty")))
    if kind is None or listed.get("use", "sig") != "sig":
        return None
    try:
        return kind.import_key(listed)
    except (JoseError, ValueError) as error:
        logger.warning("a key of the identity provider is left out: %s", error)
        return None
