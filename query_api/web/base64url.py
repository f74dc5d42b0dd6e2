"""Base64url without padding (RFC 4648 section 5) for addresses and cursors, in one spelling only.

Several texts may decode to the same bytes: the last character can have unused bits, and decoders
ignore some characters. Only the text that :func:`encode` gives is accepted.
"""

from __future__ import annotations

import base64


def encode(data: bytes) -> str:
    """``data`` as text."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """The bytes of a text; ``ValueError`` if :func:`encode` would not give this text."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(data) != text:
        raise ValueError("another spelling of the same bytes")
    return data
