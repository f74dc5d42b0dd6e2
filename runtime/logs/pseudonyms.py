"""Replaces device identifiers in a log by pseudonyms: one for each device, and no way back.

EUI-64s come from a few manufacturers' ranges, so a plain hash could be tried out: this one is keyed
(docs/decisions/0039). Whoever has the key finds a device again: HMAC-SHA-256 of its canonical form.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any, Final

_EUI: Final = re.compile(r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){7}")
_DIGITS: Final = 16
"""Of the hash: 64 bits tell any number of meters apart."""
_KEY_BYTES: Final = 32


class Pseudonyms:
    """Replaces identifiers by ``eui-…``; without a ``key`` by one that ends with this process."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key or secrets.token_bytes(_KEY_BYTES)

    def of(self, identifier: str) -> str:
        """The pseudonym of one EUI-64 in any spelling."""
        canonical = identifier.upper().encode()
        return "eui-" + hmac.new(self._key, canonical, hashlib.sha256).hexdigest()[:_DIGITS]

    def within(self, value: Any) -> Any:
        """``value`` with every EUI-64 in its texts replaced, those of a Service Request ID too."""
        if isinstance(value, str):
            return _EUI.sub(lambda found: self.of(found[0]), value)
        if isinstance(value, dict):
            return {self.within(name): self.within(held) for name, held in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.within(held) for held in value]
        return value if isinstance(value, int | float | None) else self.within(str(value))
