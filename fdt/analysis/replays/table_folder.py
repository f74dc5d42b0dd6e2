"""The folder of a replayed table; the same replay goes on in it, anything else is refused.

``fdt replay --table`` opens it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from fdt.errors import UserError
from fdt.processes.one_at_a_time import one_at_a_time

NOTE: Final = "replay.json"
_LOCK: Final = ".lock"


class SpanNote(msgspec.Struct, frozen=True):
    """A span of an event topic, as it was when the replay began."""

    topic: str
    partition: int
    start: int
    end: int


class Note(msgspec.Struct, frozen=True):
    """What a table is made from, and by which rules."""

    asked: dict[str, str]
    """What was asked for, and the rules; another replay has another."""
    spans: list[SpanNote]
    """What is read: settled when the replay began."""
    expired: dict[str, int]
    """Partition -> offsets that were asked for and that the broker had no more."""


@dataclass(frozen=True, slots=True)
class Live:
    """Where live data is: the data folder, and names in it that are its programs'."""

    folder: Path
    names: frozenset[str]

    def has(self, folder: Path) -> bool:
        """Whether a folder is the data folder, a program's in there, or within one."""
        path, live = folder.resolve(), self.folder.resolve()
        if path == live:
            return True
        mine = [each for each in (path, *path.parents) if each.parent == live]
        return any(
            each.name in self.names or (any(each.rglob("CURRENT")) and not (each / NOTE).exists())
            for each in mine
        )


@contextmanager
def opened(folder: Path, live: Live, note: Note) -> Iterator[Note]:
    """The note of a folder, which is locked meanwhile.

    It is ``note``, or that of an earlier run of the same replay. :class:`~fdt.errors.UserError` for
    a folder with live data, or with anything else.
    """
    if live.has(folder):
        raise UserError(f"{folder} is where live data is: name a folder of its own.")
    if folder.exists() and not (folder / NOTE).exists() and _is_used(folder):
        raise UserError(f"{folder} holds something else than a replay: name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder / _LOCK, f"Another fdt replay writes to {folder}: wait for its end."):
        if not (folder / NOTE).exists():
            part = folder / f"{NOTE}.part"
            part.write_bytes(msgspec.json.encode(note))
            part.replace(folder / NOTE)
        held = _read(folder / NOTE)
        if held.asked != note.asked:
            told = ", ".join(f"{name} {value}" for name, value in held.asked.items())
            raise UserError(f"{folder} holds another replay ({told}): name a new folder.")
        yield held


def _is_used(folder: Path) -> bool:
    left = (_LOCK, f"{NOTE}.part")
    return not folder.is_dir() or any(each.name not in left for each in folder.iterdir())


def _read(path: Path) -> Note:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except msgspec.DecodeError as error:
        raise UserError(f"{path} cannot be read ({error}): replay into a new folder.") from error
