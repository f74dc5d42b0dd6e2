"""Text of others on our terminal and in our logs: nothing in it moves a cursor or hides a line."""

from __future__ import annotations

from typing import Final

LINES: Final = "\n\t"
"""To keep where a text may have lines of its own, as a traceback has."""


def printable(text: str, keep: str = "") -> str:
    """``text`` with every control character as Python writes it (``\\x1b``), but those to ``keep``.

    A record's key, a publisher's detail, a user's search: whoever writes them could write escape
    sequences, which a terminal obeys.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape").decode()
        for sign in text
    )
