"""Identifiers in page addresses, sealed: an address tells nobody what it is about.

Addresses end up in histories, proxies' logs and e-mails. A sealed identifier is AES-SIV of its
octets (RFC 5297): the same identifier always gives the same text, so addresses can be kept and
shared, and a text that this system did not seal opens to nothing. A seal gives no right: whoever
opens an address is still asked who he is.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from query_api.web import base64url
from schemas.identifiers import DeviceId, ServiceRequestId

KEY_FILE: Final = "screen-key"
_DEVICE: Final = b"device"
_REQUEST: Final = b"service-request"
_EUI_OCTETS: Final = 8
_COUNTER_OCTETS: Final = 8


class NotSealedHere(ValueError):
    """The text was not sealed with this key, or not for this purpose."""


class Seal:
    """Seals and opens identifiers with a key that all instances share."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(hashlib.sha512(b"fdt-page-address" + secret.encode()).digest())

    def device(self, device: DeviceId) -> str:
        """The text that stands for a device in an address."""
        return self._sealed(_octets(device), _DEVICE)

    def request(self, request: ServiceRequestId) -> str:
        """The text that stands for a Service Request in an address."""
        originator, target, counter = request.split(":")
        number = int(counter).to_bytes(_COUNTER_OCTETS, "big")
        return self._sealed(_octets(originator) + _octets(target) + number, _REQUEST)

    def open_device(self, text: str) -> DeviceId:
        """The device behind an address; :class:`NotSealedHere`."""
        return DeviceId(_eui(self._opened(text, _DEVICE)))

    def open_request(self, text: str) -> ServiceRequestId:
        """The Service Request behind an address; :class:`NotSealedHere`."""
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


def own_secret(data_dir: Path) -> str:
    """A secret of this data folder alone: made on first use, readable by its owner only."""
    path = data_dir / KEY_FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".screen-", dir=data_dir)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(os.urandom(32).hex())
            os.link(name, path)
        except FileExistsError:
            pass  # another process made it first, and theirs holds
        finally:
            os.unlink(name)
    return path.read_text(encoding="ascii")


def _octets(eui: str) -> bytes:
    return bytes.fromhex(eui.replace("-", ""))


def _eui(data: bytes) -> str:
    return data.hex("-").upper()
