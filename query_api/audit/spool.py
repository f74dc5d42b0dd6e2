"""The spool: audit entries on disk until the broker has them.

:mod:`query_api.audit.trail` appends entries and publishes them file by file. An entry is in its
file before the answer is sent, so it survives the end of this process. Each is published at least
once: after a crash between publishing and deleting a file the same event IDs are published again.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

import msgspec

from query_api.audit.entry import AuditEntry

logger = logging.getLogger(__name__)

_OPEN: Final = "open.jsonl"
_CLOSED: Final = "closed-*.jsonl"
_DIGITS: Final = 12

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuditEntry).decode


class SpoolFull(OSError):
    """The entries that wait for the broker have reached the spool's limit."""


class Spool:
    """A folder of entries, ``max_bytes`` at most. Safe for many threads."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._number = max((_number(path) for path in folder.glob(_CLOSED)), default=0)
        _end_last_line(folder / _OPEN)
        self._bytes = sum(path.stat().st_size for path in folder.glob("*.jsonl"))
        self._file = (folder / _OPEN).open("ab", buffering=0)

    @property
    def size(self) -> int:
        """Bytes of the entries that wait."""
        return self._bytes

    @property
    def room(self) -> int:
        """Greatest number of bytes that may wait."""
        return self._max_bytes

    def append(self, entry: AuditEntry) -> None:
        """Write an entry to disk; :class:`SpoolFull`, or ``OSError`` of the disk."""
        line = _encode(entry) + b"\n"
        with self._lock:
            if self._bytes + len(line) > self._max_bytes:
                raise SpoolFull(
                    f"{self._bytes} bytes of audit entries in {self._folder} wait for the broker"
                )
            self._file.write(line)
            self._bytes += len(line)

    def closed(self) -> list[Path]:
        """Closes the open file; the closed files, oldest first."""
        with self._lock:
            if self._file.tell():
                self._close_open_file()
        return sorted(self._folder.glob(_CLOSED))

    def oldest(self) -> float | None:
        """When the entries that have waited longest were written, in seconds since 1970 UTC, or up
        to half a second later; none if none wait."""
        for path in (*sorted(self._folder.glob(_CLOSED)), self._folder / _OPEN):
            try:
                found = path.stat()
            except FileNotFoundError:  # published and deleted meanwhile
                continue
            if found.st_size:
                return found.st_mtime
        return None

    def delete(self, path: Path) -> None:
        """Delete a file whose entries the broker has."""
        size = path.stat().st_size
        path.unlink()
        with self._lock:
            self._bytes -= size

    def close(self) -> None:
        """Close the open file; its entries are published after the next start."""
        self._file.close()

    def _close_open_file(self) -> None:
        self._file.close()
        self._number += 1
        path = self._folder / _OPEN
        path.rename(self._folder / f"closed-{self._number:0{_DIGITS}}.jsonl")
        self._file = path.open("ab", buffering=0)


def entries(path: Path) -> list[AuditEntry]:
    """The entries of a file; a line that a crash cut off is logged and left out."""
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(_decode(line))
        except msgspec.DecodeError:
            logger.error("a damaged line of %s is left out: %r", path.name, line)
    return found


def _end_last_line(path: Path) -> None:
    """Ends a line that a crash cut off, so that the next entry begins on its own line."""
    if path.exists() and path.read_bytes()[-1:] not in (b"", b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("closed-"))
