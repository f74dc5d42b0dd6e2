"""A view as a process of its own, on a real store.

``python -m tests.query_api.apply_on_disk FOLDER [DESCRIPTOR]`` applies every batch that the view
does not have yet. With a descriptor its writes are reported first (:mod:`tests.support.no_space`).
"""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from projections.lifecycle import Status
from projections.rows import encode_row
from projections.state import Report
from query_api.view.layout import Meta
from query_api.view.status_view import Batch, Control, Covered, View
from schemas.identifiers import DeviceId
from schemas.topics import Source
from storage.rocks import RocksStore
from storage.store import Store
from tests.simulation.broker import START_MS
from tests.support.events import REQUEST
from tests.support.no_space import report_writes
from tests.support.rows import row_of

BATCHES: Final = 60
_ROWS: Final = 40
_DEVICES: Final = [DeviceId(f"00-DB-12-34-56-78-{n >> 8:02X}-{n & 255:02X}") for n in range(400)]


def batches() -> Iterator[Batch]:
    """The same in every process: devices of one request, with one more record each time."""
    rng = random.Random(7)
    held: dict[DeviceId, list[Report]] = {device: [] for device in _DEVICES}
    for number in range(BATCHES):
        rows: dict[DeviceId, bytes | None] = {}
        for device in rng.sample(_DEVICES, _ROWS):
            held[device].append(_accepted(number, rng))
            rows[device] = encode_row(row_of(held[device]))
        now = START_MS + number
        yield Batch(rows, {0: Control(now, now, {"dsp": now})}, {0: Covered(number + 1, now)})


def _accepted(offset: int, rng: random.Random) -> Report:
    return Report(
        identity=uuid.UUID(int=offset).bytes + bytes([Source.DSP]),
        at=START_MS + offset,
        status=Status.ACCEPTED_BY_DSP,
        received_at=START_MS + offset,
        partition=0,
        offset=offset,
        occurred_at=START_MS + offset,
        code="I99",
        request_id=REQUEST,
        version="0002012F",
        device_type="ESME",
        detail=rng.randbytes(500).hex(),
    )


def new_view(store: Store) -> View:
    """A view of nothing yet, of one partition."""
    return View.create(store, Meta("topic-id", 1))


def apply_all(view: View) -> None:
    """Go on where the view stands."""
    reached = view.next_offsets()[0]
    for number, each in enumerate(batches()):
        if number >= reached:
            view.apply(each)


def main(folder: Path, connection: int | None = None) -> None:
    """What the read side's feed does."""
    if connection is not None:
        report_writes(connection)
    fresh = not (folder / "view").exists()
    store = RocksStore(folder / "view", write_buffer_mb=1)
    view = new_view(store) if fresh else View(store)
    try:
        apply_all(view)
    finally:
        view.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
