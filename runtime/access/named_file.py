"""Files that settings name: read in one way, and refused in the same words."""

from __future__ import annotations

from pathlib import Path


def text_of(variable: str, path: Path) -> str:
    """What stands in the file, without white space around it; ``ValueError`` names the variable of
    a file that is not there, or cannot be read."""
    if not path.is_file():
        raise ValueError(f"{variable} is {path}: there is no such file")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{variable} is {path}: it cannot be read ({error})") from error


def filled(variable: str, path: Path) -> str:
    """The same of a file that must hold something."""
    text = text_of(variable, path)
    if not text:
        raise ValueError(f"{variable} is {path}: it is empty")
    return text
