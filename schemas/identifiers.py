"""Identifiers as types: parsed once where they come in, and canonical from then on.

Rules and sources: EUI-64 and request IDs as in the DUIS shared data types (eight hex pairs joined
by ``-``; ``originator:target:counter``), compared case-insensitively. The canonical form is
trimmed, upper case, with the counter free of leading zeros.
"""

from __future__ import annotations

import re
from typing import Final, Self

COUNTER_LIMIT: Final = 1 << 64
"""A request counter is a positive integer below this (DUIS: ``xs:positiveInteger`` < 2^64)."""

_EUI = re.compile(r"[0-9A-F]{2}(?:-[0-9A-F]{2}){7}")
_COUNTER = re.compile(r"[0-9]{1,40}")
_HEX8 = re.compile(r"[0-9A-F]{8}")
_HEX64 = re.compile(r"[0-9A-F]{64}")

EUI_HINT: Final = (
    "eight pairs of hexadecimal digits joined by '-', for example 00-DB-12-34-56-78-90-A0"
)
REQUEST_HINT: Final = (
    "originator:target:counter, for example 90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"
)


class InvalidIdentifier(ValueError):
    """A text that is not the identifier it should be; the message says how to mend it."""

    def __init__(self, kind: str, hint: str) -> None:
        super().__init__(f"Not a valid {kind}: enter {hint}.")
        self.kind = kind
        self.hint = hint


class Eui64(str):
    """An EUI-64 in canonical form, such as a User ID (the owner of a request)."""

    __slots__ = ()
    kind = "User ID"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The canonical identifier, or :class:`InvalidIdentifier`."""
        if not _EUI.fullmatch(text):
            text = text.strip().upper()
            if not _EUI.fullmatch(text):
                raise InvalidIdentifier(cls.kind, EUI_HINT)
        return cls(text)


class DeviceId(Eui64):
    """The EUI-64 of a device; the key of every event topic and of the status topic."""

    __slots__ = ()
    kind = "Device ID"


class ServiceRequestId(str):
    """``originator:target:counter`` in canonical form."""

    __slots__ = ()
    kind = "Service Request ID"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The canonical identifier, or :class:`InvalidIdentifier`."""
        parts = text.strip().upper().split(":")
        if len(parts) != 3 or not _COUNTER.fullmatch(parts[2]):
            raise InvalidIdentifier(cls.kind, REQUEST_HINT)
        originator, target, counter = parts
        if not (_EUI.fullmatch(originator) and _EUI.fullmatch(target)):
            raise InvalidIdentifier(cls.kind, REQUEST_HINT)
        number = int(counter)
        if not 0 < number < COUNTER_LIMIT:
            raise InvalidIdentifier(
                cls.kind, f"{REQUEST_HINT}; the counter is above 0 and below 2^64"
            )
        return cls(f"{originator}:{target}:{number}")

    @property
    def owner(self) -> Eui64:
        """The originator: the User ID whose organisation may see the request."""
        return Eui64(self[:23])


class FirmwareVersion(str):
    """Four octets as eight hexadecimal digits; shown as they are, never read as a decimal."""

    __slots__ = ()
    kind = "firmware version"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The canonical version, or :class:`InvalidIdentifier`."""
        text = text.strip().upper()
        if not _HEX8.fullmatch(text):
            raise InvalidIdentifier(cls.kind, "eight hexadecimal digits, for example 0002012F")
        return cls(text)


class ImageHash(str):
    """SHA-256 of a firmware image: 64 hexadecimal digits."""

    __slots__ = ()
    kind = "image hash"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The canonical hash, or :class:`InvalidIdentifier`."""
        text = text.strip().upper()
        if not _HEX64.fullmatch(text):
            raise InvalidIdentifier(cls.kind, "64 hexadecimal digits (SHA-256 of the image)")
        return cls(text)
