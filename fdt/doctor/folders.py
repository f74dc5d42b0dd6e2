"""Checks the data folders: access, free space, who uses them, what was set aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fdt.doctor.findings import Asked, Finding, failure, ok, warning

_MIB: Final = 1024 * 1024
COMFORTABLE_MB: Final = 1024
"""Free MiB below which a warning is given."""
_LOCKS: Final = Path("/proc/locks")
_CONDEMNED: Final = "SET-ASIDE"
"""As :mod:`query_api.view.folder` marks a view."""


def looked_at(asked: Asked) -> Iterator[Finding]:
    """The folder of all local state, then the worker's and the view's in it."""
    settings = asked.settings
    folder = settings.data_dir
    if (unusable := _unusable(folder)) is not None:
        yield unusable
        return
    yield _room(folder, settings.least_free_mb)
    worker, view = folder / settings.worker_name, folder / settings.read_view_name
    yield from _used(worker, worker / "lock", "FDT_WORKER_NAME")
    yield from _used(view, view.with_name(f"{view.name}.lock"), "FDT_READ_VIEW_NAME")
    for store in sorted([*worker.glob("partition-*[0-9]"), view]):
        if store.is_dir() and ".aside" not in store.name:
            yield from _store(store)
    yield from _aside(sorted([*worker.glob("*.aside-*"), *folder.glob("*.aside")]))


def _unusable(folder: Path) -> Finding | None:
    there = _existing(folder)
    if not there.is_dir():
        return failure(
            f"FDT_DATA_DIR is {folder}, and {there} is not a folder",
            "Move that file away, or name another folder with FDT_DATA_DIR",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        return failure(
            f"This user may not write in {there}, where FDT_DATA_DIR ({folder}) lies",
            "Give the folder to the user that runs the program, or name another with FDT_DATA_DIR",
        )
    return None


def _existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    folder = folder.absolute()
    return next(there for there in (folder, *folder.parents) if there.exists())


def _room(folder: Path, least_mb: int) -> Finding:
    made = "" if folder.exists() else ", which is made at the first start"
    free = shutil.disk_usage(_existing(folder)).free // _MIB
    told = f"{free:,} MiB are free for {folder}{made}"
    if free < least_mb:
        return failure(
            f"{told}: a worker takes nothing below {least_mb:,} (FDT_LEAST_FREE_MB)",
            "Make room, or name a folder on another disk with FDT_DATA_DIR",
        )
    if free < COMFORTABLE_MB:
        return warning(told, "Make room: RocksDB needs some for a while when it compacts")
    return ok(told)


def _used(folder: Path, lock: Path, setting: str) -> Iterator[Finding]:
    if not lock.exists():
        return
    holder = _holder(lock)
    if holder is None:
        yield ok(f"{folder} is used by nobody")
    else:
        yield ok(f"{folder} is used by process {holder}; another program needs its own {setting}")


def _holder(lock: Path) -> int | None:
    """The process that holds the lock, read from the kernel without touching it; None elsewhere
    than on Linux."""
    if not _LOCKS.exists():
        return None
    status = lock.stat()
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in _LOCKS.read_text(encoding="ascii").splitlines():
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == place:
            return int(words[4])
    return None


def _store(folder: Path) -> Iterator[Finding]:
    """Whether RocksDB could open a store, by its files alone: only its program may open it."""
    condemned = folder / _CONDEMNED
    if condemned.exists():
        yield warning(
            f"{folder} is condemned: {condemned.read_text(encoding='utf-8')}",
            "Start the read side again: it sets it aside and reads the status topic anew",
        )
        return
    current = folder / "CURRENT"
    if any(folder.iterdir()) and not (
        current.is_file() and (folder / current.read_text(encoding="ascii").strip()).is_file()
    ):
        yield warning(
            f"{folder} is damaged: CURRENT names no file that is there",
            "Start the program again: it sets the folder aside and reads the status topic anew; "
            "then look at the disk",
        )


def _aside(folders: list[Path]) -> Iterator[Finding]:
    if folders:
        size = sum(file.stat().st_size for one in folders for file in one.rglob("*")) // _MIB
        yield warning(
            f"{len(folders)} folders were set aside, {size:,} MiB: {', '.join(map(str, folders))}",
            "Look into the log for why ('set aside'), then delete them",
        )
