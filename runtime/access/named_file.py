"""Reads the files that settings name, with the same error messages for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T", str, bytes)


def text_of(variable: str, path: Path) -> str:
    """The text of a file without white space around it; ``ValueError`` names the variable of a file
    that is not there, or cannot be read."""
    with _readable(variable, path):
        return path.read_text(encoding="utf-8").strip()


def filled(variable: str, path: Path) -> str:
    """The text of a file that must not be empty; else ``ValueError``."""
    return _not_empty(variable, path, text_of(variable, path))


def filled_bytes(variable: str, path: Path) -> bytes:
    """The bytes of such a file, which need be no text."""
    with _readable(variable, path):
        return _not_empty(variable, path, path.read_bytes().strip())


@contextmanager
def _readable(variable: str, path: Path) -> Iterator[None]:
    if not path.is_file():
        raise ValueError(f"{variable} is {path}: there is no such file")
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{variable} is {path}: it cannot be read ({error})") from error


def _not_empty(variable: str, path: Path, held: T) -> T:
    if not held:
        raise ValueError(f"{variable} is {path}: it is empty")
    return held
