"""A figure is called flat only if it is; files count as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.sampling import OnDisk, Trend, memory_mib, on_disk, open_files, peaks, trend

SECONDS = [float(second) for second in range(0, 600, 5)]


def test_a_slope_is_per_minute() -> None:
    """Half a unit a second, for ten minutes."""
    found = trend(SECONDS, [second / 2 for second in SECONDS])
    assert found.per_minute == pytest.approx(30)
    assert found.mean == pytest.approx(595 / 4)
    assert found.minutes == pytest.approx(595 / 60)


def test_what_is_cut_now_and_then_has_flat_peaks_wherever_it_is_begun() -> None:
    """A saw of 20 samples that never comes higher; one that does is told."""
    for begun in range(20):
        saw = [float((begun + number) % 20) for number in range(len(SECONDS))]
        assert set(peaks(saw, 20)) == {19.0}
        growing = peaks([value + number / 10 for number, value in enumerate(saw)], 20)
        assert not trend(SECONDS[19:], growing).is_flat


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
    before = open_files(os.getpid())
    with Path(__file__).open(encoding="utf-8"):
        assert open_files(os.getpid()) == before + 1
    assert 5 < memory_mib(os.getpid()) < 10_000
