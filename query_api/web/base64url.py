"""Bytes as text in addresses and cursors, one spelling for each (RFC 4648 section 5, unpadded).

The last character of such a text may have bits that stand for nothing, and decoders differ in what
else they pass over. What is not spelled as :func:`encode` spells it is refused, so that one address
is one text.
"""

from __future__ import annotations

import base64


def encode(data: bytes) -> str:
    """The text of some bytes."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """The bytes of a text; ``ValueError`` if it is not the one spelling of any."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(data) != text:
        raise ValueError("another spelling of the same bytes")
    return data
