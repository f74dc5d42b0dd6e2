"""Finds whether our own certificate has expired; brokers only say that they refuse it.

OpenSSL decides, in a handshake with ourselves in memory: a worker has no library that reads
certificates.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

EXPIRED: Final = 10
"""OpenSSL's code of a certificate that has expired."""
_NOT_YET: Final = 9
_STEPS: Final = 10


def out_of_date(certificate: Path, key: Path) -> str | None:
    """``has expired`` or ``is not valid yet``; None for a certificate that is valid now."""
    verifier = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    verifier.load_cert_chain(certificate, key)
    verifier.load_verify_locations(certificate)
    verifier.verify_mode = ssl.CERT_REQUIRED
    verifier.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever signed it does not matter
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    shown.check_hostname = False
    shown.verify_mode = ssl.CERT_NONE
    shown.load_cert_chain(certificate, key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (shown.wrap_bio(down, up), verifier.wrap_bio(up, down, server_side=True))
    try:
        for _ in range(_STEPS):
            done = [_step(end) for end in ends]
            if all(done):
                return None
    except ssl.SSLCertVerificationError as error:
        return {EXPIRED: "has expired", _NOT_YET: "is not valid yet"}.get(error.verify_code)
    return None


def _step(end: ssl.SSLObject) -> bool:
    """Whether its part of the handshake is done."""
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
