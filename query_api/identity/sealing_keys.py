"""The secrets that seal cookies, from a file that all read sides share.

One secret a line: the first one seals, all of them open, so that secrets can be replaced without
signing anybody out. The file is read again when it changes. Without a file the secret is random and
lasts as long as this process; no other read side can open what it sealed.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from runtime.health import Health

logger = logging.getLogger(__name__)

LEAST_LENGTH: Final = 32
"""Characters of a secret."""
PART: Final = "session keys"
"""Name of this part in the health of the read side."""
_LOOK_EVERY_S: Final = 2.0


class UnusableKeys(ValueError):
    """The file cannot be used; the message says why, and what to change."""


class NotSealedHere(ValueError):
    """The text was not sealed with a known key for this purpose."""


class SealingKeys:
    """Seals and opens the content of cookies (Fernet). Safe for many threads."""

    def __init__(
        self,
        path: Path | None = None,
        health: Health | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises :class:`UnusableKeys` if the file at ``path`` cannot be used."""
        self._path = path
        self._health = health or Health()
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = self._state()
        self._secrets = [secrets.token_hex(32)] if path is None else secrets_of(path)
        self._looked_at = clock()
        self._ciphers: dict[str, MultiFernet] = {}

    def seal(self, purpose: str, content: bytes) -> str:
        """``content`` as an encrypted and authenticated text."""
        return self._cipher(purpose).encrypt(content).decode().rstrip("=")

    def open(self, purpose: str, text: str) -> bytes:
        """The content that was sealed for this purpose; :class:`NotSealedHere`."""
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            return self._cipher(purpose).decrypt(padded)
        except (InvalidToken, UnicodeEncodeError) as error:
            raise NotSealedHere(f"this {purpose} was not sealed here") from error

    def _cipher(self, purpose: str) -> MultiFernet:
        with self._lock:
            self._look()
            if purpose not in self._ciphers:
                self._ciphers[purpose] = MultiFernet([_key(s, purpose) for s in self._secrets])
            return self._ciphers[purpose]

    def _look(self) -> None:
        """Read the file if it changed; if it cannot be used, the known secrets stay in use."""
        now = self._clock()
        if self._path is None or now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        if (state := self._state()) == self._seen:
            return
        try:
            self._secrets = secrets_of(self._path)
        except UnusableKeys as error:
            self._health.trouble(PART, f"{error} Until then the keys read before hold.")
            return
        self._seen = state
        self._ciphers.clear()
        self._health.well(PART)
        logger.info("%d session keys read from %s", len(self._secrets), self._path)

    def _state(self) -> tuple[int, int, int] | None:
        """Properties of the file that differ after a change."""
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)


def secrets_of(path: Path) -> list[str]:
    """The secrets of a file, in its order; :class:`UnusableKeys`."""
    how = f"put a secret of {LEAST_LENGTH} characters or more on each line, the newest first."
    try:
        found = [line for text in path.read_text("utf-8").splitlines() if (line := text.strip())]
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableKeys(f"FDT_SESSION_KEYS_FILE cannot be read ({error}): {how}") from error
    short = [number for number, text in enumerate(found, 1) if len(text) < LEAST_LENGTH]
    if short or not found:
        what = f"the secret number {short[0]} is too short" if short else "it is empty"
        raise UnusableKeys(f"FDT_SESSION_KEYS_FILE is {path}: {what}; {how}")
    return found


def _key(secret: str, purpose: str) -> Fernet:
    """The key for a purpose: a text sealed for one purpose does not open for another."""
    digest = hashlib.sha256(f"fdt-{purpose}\n{secret}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
