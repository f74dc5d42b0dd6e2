"""A figure is called flat only if it is; files count as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.sampling import OnDisk, Trend, memory_mib, on_disk, open_files, trend

SECONDS = [float(second) for second in range(0, 600, 5)]


def test_a_slope_is_per_minute_and_leaves_the_beginning_out() -> None:
    """Steep at first, then half a unit a second."""
    values = [9_000 - 70 * second if second < 200 else second / 2 for second in SECONDS]
    found = trend(SECONDS, values, skipped=1 / 3)
    assert found.per_minute == pytest.approx(30)
    assert found.mean == pytest.approx((200 + 595) / 4)
    assert found.minutes == pytest.approx(395 / 60)


@pytest.mark.parametrize(
    ("per_minute", "is_flat"), [(0, True), (1, True), (-1, True), (1.1, False)]
)
def test_flat_is_within_a_tenth_of_the_mean_over_the_whole_time(
    per_minute: float, is_flat: bool
) -> None:
    """A mean of 100 over 10 minutes may move by 10, up or down."""
    assert Trend(mean=100, per_minute=per_minute, minutes=10).is_flat is is_flat


def test_files_in_folders_below_count_as_listed_and_as_allocated(tmp_path: Path) -> None:
    """A long, empty file takes its length in a list and nothing of the disk."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "full").write_bytes(b"x" * 100_000)
    with (inner / "empty").open("wb") as file:
        file.truncate(1_000_000)
    found = on_disk([tmp_path])
    assert found.listed == 1_100_000
    assert 100_000 <= found.allocated < 1_000_000
    assert on_disk([inner, inner]) == found + found
    assert on_disk([tmp_path / "nowhere"]) == OnDisk()


def test_a_process_takes_memory_and_files() -> None:
    """This one does."""
    import os

    before = open_files(os.getpid())
    with Path(__file__).open(encoding="utf-8"):
        assert open_files(os.getpid()) == before + 1
    assert 5 < memory_mib(os.getpid()) < 10_000
