"""Seals the identifiers in page addresses, which end up in histories, proxies' logs and e-mails.

A sealed identifier is AES-SIV of its octets (RFC 5297): the same identifier always gives the same
text, so addresses can be kept and shared, and a forged text is refused. A seal gives no right: the
caller's access is checked as without it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from query_api.identity.own_secrets import own_secret
from query_api.web import base64url
from schemas.identifiers import DeviceId, ServiceRequestId

KEY_FILE: Final = "screen-key"
_DEVICE: Final = b"device"
_REQUEST: Final = b"service-request"
_EUI_OCTETS: Final = 8
_COUNTER_OCTETS: Final = 8


class NotSealedHere(ValueError):
    """The text was not sealed with this key for this purpose."""


class Seal:
    """Seals and opens identifiers with a key that all instances share."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(hashlib.sha512(b"fdt-page-address" + secret.encode()).digest())

    def device(self, device: DeviceId) -> str:
        """The sealed Device ID."""
        return self._sealed(_octets(device), _DEVICE)

    def request(self, request: ServiceRequestId) -> str:
        """The sealed Service Request ID."""
        originator, target, counter = request.split(":")
        number = int(counter).to_bytes(_COUNTER_OCTETS, "big")
        return self._sealed(_octets(originator) + _octets(target) + number, _REQUEST)

    def open_device(self, text: str) -> DeviceId:
        """The Device ID in a sealed text; :class:`NotSealedHere`."""
        return DeviceId(_eui(self._opened(text, _DEVICE)))

    def open_request(self, text: str) -> ServiceRequestId:
        """The Service Request ID in a sealed text; :class:`NotSealedHere`."""
        data = self._opened(text, _REQUEST)
        originator, target = _eui(data[:_EUI_OCTETS]), _eui(data[_EUI_OCTETS : 2 * _EUI_OCTETS])
        counter = int.from_bytes(data[2 * _EUI_OCTETS :], "big")
        return ServiceRequestId(f"{originator}:{target}:{counter}")

    def _sealed(self, data: bytes, purpose: bytes) -> str:
        return base64url.encode(self._cipher.encrypt(data, [purpose]))

    def _opened(self, text: str, purpose: bytes) -> bytes:
        try:
            return self._cipher.decrypt(base64url.decode(text), [purpose])
        except (InvalidTag, ValueError) as error:
            raise NotSealedHere("this address was not made by this system") from error


def secret_of_folder(data_dir: Path) -> str:
    """The sealing secret of a data folder, made on first use."""
    return own_secret(data_dir / KEY_FILE, lambda: os.urandom(32).hex().encode()).decode("ascii")


def _octets(eui: str) -> bytes:
    return bytes.fromhex(eui.replace("-", ""))


def _eui(data: bytes) -> str:
    return data.hex("-").upper()
