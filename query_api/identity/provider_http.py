"""What is asked of an OpenID Connect provider over HTTP; keys and sign-in both ask here."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from runtime.access.address import is_loopback

TIMEOUT_S: Final = 5.0


class ProviderAway(ConnectionError):
    """The identity provider did not answer as it should, and its keys are not known."""


class Discovered(Protocol):
    """What is wanted of a discovery document: at least whose it is."""

    @property
    def issuer(self) -> str:
        """The provider, as it calls itself."""


_Shape = TypeVar("_Shape")
_Document = TypeVar("_Document", bound=Discovered)


class ProviderHttp:
    """The provider ``issuer``; asked so seldom that no connection is kept."""

    def __init__(
        self, issuer: str, client: httpx.Client | None = None, ca_file: Path | None = None
    ) -> None:
        self.issuer = issuer
        self._client = client
        self._ca_file = ca_file

    @property
    def trusted(self) -> ssl.SSLContext | bool:
        """Who may sign its certificate, as an HTTP client takes it; :class:`ProviderAway`.

        The file is read anew each time, so a new authority needs no restart.
        """
        if self._ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise self._unusable(f"FDT_OIDC_CA_FILE {self._ca_file}: {error}") from error

    def discovered(self, shape: type[_Document]) -> _Document:
        """The discovery document; :class:`ProviderAway`, also if it is another provider's."""
        address = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = self.answer(address, shape)
        if document.issuer != self.issuer:
            raise self._unusable(f"its discovery document says that it is {document.issuer}")
        return document

    def answer(self, address: str, shape: type[_Shape]) -> _Shape:
        """The JSON at ``address`` in the wanted shape; :class:`ProviderAway`."""
        self.check(address)
        try:
            if self._client is not None:
                answer = self._client.get(address)
            else:
                answer = httpx.get(address, timeout=TIMEOUT_S, verify=self.trusted)
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=shape)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
            raise self._unusable(str(error)) from error

    def check(self, address: str) -> None:
        """:class:`ProviderAway` for clear text over a network, where anybody could answer."""
        parts = urlsplit(address)
        if parts.scheme != "https" and not (
            parts.scheme == "http" and is_loopback(parts.hostname or "")
        ):
            raise self._unusable(f"{address} is not https")

    def _unusable(self, why: str) -> ProviderAway:
        return ProviderAway(f"The identity provider {self.issuer} cannot be used: {why}")
