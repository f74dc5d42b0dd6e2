"""The screen's static files, under names that contain a hash of their content.

Browsers may therefore cache each without limit, and load nothing from other sites.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Final

PREFIX: Final = "/assets/"
KEPT: Final = "public, max-age=31536000, immutable"

_FOLDER = resources.files("query_api.screen.pages") / "static"
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    name: str
    """With its hash."""
    content: bytes
    compressed: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Every file by its hashed name."""
    return {asset.name: asset for asset in _by_plain_name().values()}


def address(plain_name: str) -> str:
    """Address of a file; ``KeyError`` if there is none of that name."""
    return PREFIX + _by_plain_name()[plain_name].name


@cache
def _by_plain_name() -> dict[str, Asset]:
    found = {}
    for path in _FOLDER.iterdir():
        stem, _, suffix = path.name.rpartition(".")
        if suffix in _TYPES:
            content = path.read_bytes()
            digest = blake2b(content, digest_size=6).hexdigest()
            found[path.name] = Asset(
                f"{stem}.{digest}.{suffix}",
                content,
                gzip.compress(content, 9, mtime=0),
                _TYPES[suffix],
            )
    return found
