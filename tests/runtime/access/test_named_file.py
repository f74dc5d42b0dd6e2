"""Files that settings name: what is read, and what is refused in which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.access.named_file import filled, filled_bytes, text_of

READERS = (text_of, filled, filled_bytes)


def test_white_space_around_the_content_does_not_count(tmp_path: Path) -> None:
    """Editors end a file with a line end."""
    file = tmp_path / "secret"
    file.write_text(" word\n")
    assert text_of("FDT_X", file) == filled("FDT_X", file) == "word"
    assert filled_bytes("FDT_X", file) == b"word"


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_missing_is_named(
    read: Callable[[str, Path], str | bytes], tmp_path: Path
) -> None:
    """With the variable that names it."""
    with pytest.raises(ValueError, match=r"^FDT_X is .*/secret: there is no such file$"):
        read("FDT_X", tmp_path / "secret")


@pytest.mark.parametrize("read", [filled, filled_bytes])
def test_a_file_that_must_hold_something_is_not_empty(
    read: Callable[[str, Path], str | bytes], tmp_path: Path
) -> None:
    """White space is nothing."""
    file = tmp_path / "secret"
    file.write_text(" \n")
    with pytest.raises(ValueError, match=r"^FDT_X is .*/secret: it is empty$"):
        read("FDT_X", file)


def test_a_key_need_be_no_text(tmp_path: Path) -> None:
    """But a password must be."""
    file = tmp_path / "secret"
    file.write_bytes(b"\xff\x00")
    assert filled_bytes("FDT_X", file) == b"\xff\x00"
    with pytest.raises(ValueError, match="it cannot be read"):
        text_of("FDT_X", file)
