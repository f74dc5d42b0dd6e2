"""The view's folder: gone on from where that is right, set aside and begun anew where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from query_api.view.folder import LogFacts, ViewInUse, condemn, open_view, rocks
from query_api.view.layout import META_KEY, encode_value
from query_api.view.status_view import View
from storage.rocks import RocksStore
from tests.query_api.world import DAY_MS, T0, accepted, batch, device_id, request_id, state

FACTS = LogFacts(
    topic_id="topic-id",
    first={0: 0, 1: 0},
    end={0: 100, 1: 0},
    newest={0: T0},
    broker_ms=0,
    tombstones_kept_ms=DAY_MS,
)
OPEN = rocks(memory_mb=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a view that stands at offset 50 of partition 0."""
    folder = tmp_path / "view-0"
    view = open_view(folder, FACTS, OPEN)
    view.apply(batch({device_id(1): state([accepted(request_id(1))])}, next_offset=50, seen_at=T0))
    view.close()
    return folder


def offset_of(view: View) -> int:
    """Where the view stands in partition 0; closes it."""
    offset = view.next_offsets()[0]
    view.close()
    return offset


def aside(folder: Path) -> Path:
    """Where a view that is set aside goes."""
    return folder.with_name("view-0.aside")


def test_a_view_that_fits_is_gone_on_from(folder: Path) -> None:
    """The same topic with the offsets still there: nothing is read again."""
    assert offset_of(open_view(folder, FACTS, OPEN)) == 50
    assert not aside(folder).exists()


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(replace(FACTS, topic_id="another"), id="topic created anew"),
        pytest.param(replace(FACTS, end={0: 49, 1: 0}), id="the log ends before the view"),
        pytest.param(replace(FACTS, first={0: 51, 1: 0}), id="the log begins after the view"),
        pytest.param(replace(FACTS, first={0: 0}, end={0: 100}), id="another number of partitions"),
        pytest.param(
            replace(FACTS, newest={0: T0 + DAY_MS}), id="tombstones may be gone meanwhile"
        ),
    ],
)
def test_a_view_that_does_not_fit_the_log_is_set_aside(folder: Path, facts: LogFacts) -> None:
    """What cannot be gone on from is kept for whoever asks, and a new view is begun."""
    assert offset_of(open_view(folder, facts, OPEN)) == 0
    assert aside(folder).is_dir()
    assert offset_of(open_view(folder, facts, OPEN)) == 0


def test_an_empty_partition_whose_log_begins_later_is_no_reason(folder: Path) -> None:
    """A partition of which nothing was applied may begin anywhere."""
    facts = replace(FACTS, first={0: 0, 1: 40}, end={0: 100, 1: 60})
    assert offset_of(open_view(folder, facts, OPEN)) == 50


def test_a_view_of_another_layout_is_set_aside(folder: Path) -> None:
    """Neither an older nor a newer program's view is guessed at."""
    store = RocksStore(folder)
    store.write({META_KEY: encode_value(msgspec.structs.replace(FACTS.meta, layout=99))})
    store.close()
    assert offset_of(open_view(folder, FACTS, OPEN)) == 0
    assert aside(folder).is_dir()


def test_a_view_without_its_meta_record_is_set_aside(folder: Path) -> None:
    """A folder with keys of something else is not taken for an empty view."""
    store = RocksStore(folder)
    store.write({META_KEY: None})
    store.close()
    assert offset_of(open_view(folder, FACTS, OPEN)) == 0
    assert aside(folder).is_dir()


def test_a_damaged_view_is_set_aside(folder: Path) -> None:
    """A store that RocksDB refuses to open is rebuilt, not fatal."""
    for manifest in folder.glob("MANIFEST-*"):
        manifest.write_bytes(b"\x00" * 100)
    assert offset_of(open_view(folder, FACTS, OPEN)) == 0
    assert aside(folder).is_dir()


def test_a_condemned_view_is_set_aside(folder: Path) -> None:
    """Damage that a read met is remembered for the next start, which would not notice it."""
    condemn(folder, "a block is damaged")
    assert offset_of(open_view(folder, FACTS, OPEN)) == 0
    assert aside(folder).is_dir()
    assert offset_of(open_view(folder, FACTS, OPEN)) == 0


def test_only_the_last_one_set_aside_is_kept(folder: Path) -> None:
    """Rebuilding again and again does not fill the disk."""
    for number in range(3):
        open_view(folder, replace(FACTS, topic_id=str(number)), OPEN).close()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["view-0", "view-0.aside"]


def test_a_folder_in_which_nothing_was_written_yet_is_begun(tmp_path: Path) -> None:
    """A crash between making the store and its first write leaves an empty store."""
    RocksStore(tmp_path / "view-0").close()
    assert offset_of(open_view(tmp_path / "view-0", FACTS, OPEN)) == 0
    assert not (tmp_path / "view-0.aside").exists()


def test_a_view_that_is_open_elsewhere_is_left_alone(folder: Path) -> None:
    """Two read sides need two folders; the first one's view is not set aside."""
    view = open_view(folder, FACTS, OPEN)
    with pytest.raises(ViewInUse, match="a folder of its own"):
        open_view(folder, FACTS, OPEN)
    assert not aside(folder).exists()
    view.close()
