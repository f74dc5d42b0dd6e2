"""TLS of the read side's listener, with a certificate that can be replaced while it serves.

:mod:`query_api.server` gives the context to the HTTP server and runs the thread. OpenSSL uses a new
chain for later handshakes only, so that a renewal ends no connection.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.health import Health
from runtime.threads import Repeating

logger = logging.getLogger(__name__)

PART: Final = "certificate"
LOOK_EVERY_S: Final = 2.0


class UnusableCertificate(ValueError):
    """Certificate and key cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Paths of the certificate (PEM, with its intermediate certificates) and its key."""

    certificate: Path
    key: Path

    def read(self) -> tuple[bytes, bytes]:
        """Their present content; ``OSError``."""
        return self.certificate.read_bytes(), self.key.read_bytes()

    def load_into(self, context: ssl.SSLContext) -> None:
        """Load them into ``context``; on :class:`UnusableCertificate` it is unchanged."""
        told = f"FDT_API_CERTIFICATE_FILE {self.certificate} and FDT_API_KEY_FILE {self.key}"
        try:
            for each in (_server_context(), context):  # the first one only tries the files
                each.load_cert_chain(self.certificate, self.key, password=_no_password)
        except ssl.SSLError as error:
            reason = error.reason or str(error)
            raise UnusableCertificate(
                f"{told} cannot be used ({reason}): a PEM certificate and its own key, not "
                "encrypted, are needed"
            ) from error
        except (OSError, ValueError) as error:
            raise UnusableCertificate(f"{told} cannot be read: {error}") from error


class ListenerTls:
    """The context of the listener, and the thread that reloads its files when they change.

    The constructor raises :class:`UnusableCertificate`. Later an unusable file is a trouble in
    ``health``, and the former certificate stays in use. ``on_end`` is called if the thread fails.
    """

    def __init__(
        self,
        files: CertificateFiles,
        health: Health,
        on_end: Callable[[BaseException], None],
    ) -> None:
        self.context = _server_context()
        self._files = files
        self._health = health
        files.load_into(self.context)
        self._used = self._seen = files.read()
        self._looking = Repeating(PART, self.look, LOOK_EVERY_S, on_end)

    def start(self) -> None:
        """Start the thread."""
        self._looking.start()

    def stop(self) -> None:
        """End the thread."""
        self._looking.stop()

    def look(self) -> None:
        """Check the files once. New content is loaded when it is the same at two checks, so that it
        is complete."""
        try:
            found = self._files.read()
        except OSError as error:
            self._health.trouble(PART, f"{error}; what was read before is used until it is mended")
            return
        seen, self._seen = self._seen, found
        if found != seen:
            return
        try:
            if found != self._used:
                self._files.load_into(self.context)
                self._used = found
                logger.warning("the certificate was replaced, and is used")
        except UnusableCertificate as error:
            self._health.trouble(PART, f"{error}; what was read before is used until it is mended")
            return
        self._health.well(PART)


def _server_context() -> ssl.SSLContext:
    """A context for TLS 1.2 or newer, with OpenSSL's default ciphers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_password() -> str:
    """Answers OpenSSL's question for a password, which it would else ask on the terminal."""
    raise ValueError("the key is encrypted: give one that is not, readable by this program alone")
