"""The typed client is of the document that is there, and nobody wrote in it by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from fdt.contract.python_client import DOCUMENT, MADE, PACKAGE, as_made

SAID: Final = json.loads(MADE.read_text(encoding="utf-8"))


def test_the_client_is_made_from_the_document_that_is_there() -> None:
    """Else: ``make client``."""
    assert as_made() == SAID


def changed(path: Path) -> None:
    """By one blank."""
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")


@pytest.mark.parametrize("how", ["document", "a module changed", "a module more", "a module less"])
def test_what_differs_is_noticed(how: str, tmp_path: Path) -> None:
    """The document went on, or somebody wrote in what is made."""
    package = shutil.copytree(PACKAGE, tmp_path / "package")
    document = Path(shutil.copy(DOCUMENT, tmp_path))
    assert as_made(package, document) == SAID
    match how:
        case "document":
            changed(document)
        case "a module changed":
            changed(package / "models" / "item.py")
        case "a module more":
            (package / "more.py").touch()
        case _:
            (package / "models" / "item.py").unlink()
    assert as_made(package, document) != SAID
