"""A month of retention under everything that could bring the forgotten back, or forget too much."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Final

from schemas.topics import STATUS
from tests.chaos.month import DAY_S, RETENTION_S, Month, wait_until
from tests.support.topics import committed, table

BURST: Final = 20_000
"""Devices that fall due within the same few seconds: a sweep that something can interrupt."""


def restarted_on_day_29(month: Month) -> None:
    """Worker and read side are down while the first devices fall due."""
    time.sleep(29 * DAY_S)
    month.close_read_side()
    assert month.stop() == 0
    shutil.copytree(month.folder / "w0", old_copy(month, "w0"))
    shutil.copytree(month.folder / "view-0", old_copy(month, "view-0"))
    time.sleep(2 * DAY_S)
    month.start()
    month.open_read_side()
    assert not month.said("set aside")


def killed_in_a_sweep(month: Month) -> None:
    """SIGKILL while a burst is being forgotten."""
    burst = month.publish(BURST)
    wait_until(lambda: month.forgotten(burst) > 0, "nothing of the burst is forgotten")
    month.kill()
    assert 0 < month.forgotten(burst) < BURST, "the sweep was over before the kill"
    month.start()
    wait_until(lambda: month.forgotten(burst) == BURST, "the sweep does not go on")


def rebalanced_in_a_sweep(month: Month) -> None:
    """Another worker takes half of the partitions over meanwhile, and gives them back."""
    burst = month.publish(BURST)
    wait_until(lambda: month.forgotten(burst) > 0, "nothing of the burst is forgotten")
    month.start("w1")
    month.wait_said("goes on at", "w1")
    wait_until(lambda: month.forgotten(burst) == BURST, "the sweep does not go on")
    assert month.stop("w1") == 0


def old_disks_come_back(month: Month) -> None:
    """Both folders of day 29, once the topic holds neither their rows nor their tombstones."""
    devices = set(list(month.received)[:100])
    wait_until(lambda: not devices & told(month.bootstrap), "tombstones stay", timeout_s=300)
    month.close_read_side()
    assert month.stop() == 0
    for name in ("w0", "view-0"):
        shutil.rmtree(month.folder / name)
        old_copy(month, name).rename(month.folder / name)
    month.start()
    month.wait_said("set aside as partition-")
    month.open_read_side()
    assert "is rebuilt" in (month.folder / "read-side.log").read_text()


def empty_disks(month: Month) -> None:
    """Both are built from a topic without the old tombstones."""
    month.close_read_side()
    month.kill()
    for name in ("w0", "view-0"):
        shutil.rmtree(month.folder / name)
    month.start()
    month.open_read_side()


def all_forgotten(month: Month) -> None:
    """Nothing more is published: nothing is left, on the topic or on a disk."""
    month.quiet()
    time.sleep(RETENTION_S)
    month.verdict()
    assert table(month.bootstrap).rows == {}


def told(bootstrap: str) -> set[str]:
    """Devices of which the status topic still says anything."""
    return {(message.key() or b"").decode() for message in committed(bootstrap, STATUS)}


def old_copy(month: Month, name: str) -> Path:
    """Where a folder of day 29 is kept."""
    return month.folder / f"{name}-of-day-29"
