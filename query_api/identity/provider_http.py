"""HTTP requests to an OpenID Connect provider, for :mod:`query_api.identity.keys` and
:mod:`query_api.identity.sign_in`."""

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
    """The identity provider did not answer, or not correctly."""


class Discovered(Protocol):
    """A discovery document: at least its issuer is read."""

    @property
    def issuer(self) -> str:
        """The issuer that the document names."""


_Shape = TypeVar("_Shape")
_Document = TypeVar("_Document", bound=Discovered)


class ProviderHttp:
    """The provider ``issuer``. Requests are so rare that no connection is kept."""

    def __init__(
        self, issuer: str, client: httpx.Client | None = None, ca_file: Path | None = None
    ) -> None:
        self.issuer = issuer
        self._client = client
        self._ca_file = ca_file

    @property
    def trusted(self) -> ssl.SSLContext | bool:
        """The trusted CA certificates as an HTTP client's ``verify``; :class:`ProviderAway`.

        The file is read each time, so that a new authority needs no restart.
        """
        if self._ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise self._unusable(f"FDT_OIDC_CA_FILE {self._ca_file}: {error}") from error

    def discovered(self, shape: type[_Document]) -> _Document:
        """The discovery document; :class:`ProviderAway`, also if it names another issuer."""
        address = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = self.answer(address, shape)
        if document.issuer != self.issuer:
            raise self._unusable(f"its discovery document says that it is {document.issuer}")
        return document

    def answer(self, address: str, shape: type[_Shape]) -> _Shape:
        """The JSON at ``address``, decoded as ``shape``; :class:`ProviderAway`."""
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
        """:class:`ProviderAway` for plain HTTP to another machine, which anybody could answer."""
        parts = urlsplit(address)
        if parts.scheme != "https" and not (
            parts.scheme == "http" and is_loopback(parts.hostname or "")
        ):
            raise self._unusable(f"{address} is not https")

    def _unusable(self, why: str) -> ProviderAway:
        return ProviderAway(f"The identity provider {self.issuer} cannot be used: {why}")
