"""The folder of one run of ``fdt up``: locked, and empty at the start unless it is kept.

A second simulation into the topics of a first would repeat its event ids, so each run begins anew.
Only a folder that carries our mark is ever deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fdt.errors import UserError
from fdt.processes.children import require_disk
from fdt.processes.one_at_a_time import one_at_a_time

LEAST_DISK_MB: Final = 512

_FOLDER: Final = "run"
_MARK: Final = "made-by-fdt-up"
_LOCK: Final = "up.lock"


@contextmanager
def run_folder(data_dir: Path, *, keep: bool) -> Iterator[Path]:
    """The folder, while nobody else runs in it.

    :class:`~fdt.errors.UserError` if it is in use, not ours, or on a full disk.
    """
    require_disk(data_dir, LEAST_DISK_MB)
    busy = f"Another fdt up runs in {data_dir}: stop it, or name another folder with FDT_DATA_DIR."
    with one_at_a_time(data_dir / _LOCK, busy):
        folder = (data_dir / _FOLDER).absolute()
        if not keep:
            _empty(folder)
        folder.mkdir(exist_ok=True)
        (folder / _MARK).touch()
        yield folder


def _empty(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / _MARK).exists():
        raise UserError(
            f"{folder} was not made by fdt up, so it is not deleted: move it away, or name another "
            "folder with FDT_DATA_DIR."
        )
    shutil.rmtree(folder)
