"""Secret files of a data folder: the development key, and the key of page addresses."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def own_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of the file at ``path``, which is created from ``make`` if there is none.

    The file is written beside ``path`` and linked there: it is complete when it appears, only its
    owner can read it (0600), and it never replaces one that another process made meanwhile. Raises
    ``OSError`` of the disk.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(make())
            os.link(name, path)
        except FileExistsError:
            pass  # another process was first: its secret is used
        finally:
            os.unlink(name)
    return path.read_bytes()
