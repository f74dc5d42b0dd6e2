"""Retention on a real broker: what is due goes from the table and the topic, and never returns."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import CONTROL_KEY, DSP_EVENTS, STATUS
from sources.wire import Wire
from tests.support.events import dsp_event
from tests.support.plans import send
from tests.support.processes import worker
from tests.support.topics import Table, committed, dead_letters, table

RETENTION_S = 10
CODEC = Codec()
DEVICES = [f"00-DB-12-34-56-78-90-{n:02X}" for n in range(40)]


def accepted(device: str, number: int, at_ms: int) -> Wire:
    """The DSP accepted a device; the number is the event's."""
    event = dsp_event(event_id=str(uuid.UUID(int=number)), device_id=device, occurred_at=at_ms)
    key = device.encode()
    return Wire(DSP_EVENTS, partition_of(device, 4), key, CODEC.encode("DspEvent", event), [])


def now_ms() -> int:
    """The publisher's clock."""
    return int(time.time() * 1000)


def wait_for(bootstrap: str, right: Callable[[Table], bool]) -> Table:
    """The table once it is right; fails when it never is."""
    deadline = time.monotonic() + 60
    while not right(found := table(bootstrap)):
        assert time.monotonic() < deadline, f"{len(found.rows)} rows, {found.counts}"
        time.sleep(0.2)
    return found


def said_of_each(bootstrap: str) -> dict[str, list[str]]:
    """What the status topic said of each device, in order."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for message in committed(bootstrap, STATUS):
        key, value = message.key(), message.value()
        if key is not None and key != CONTROL_KEY:
            said[key.decode()].append("row" if value is not None else "tombstone")
    return dict(said)


def told_rows(found: Table) -> int:
    """Rows as the control records count them."""
    return sum(control["rows"] for control in found.controls.values())


def test_what_is_due_is_forgotten_and_never_returns(fresh_topics: str, tmp_path: Path) -> None:
    """Tombstones for all; a late copy is refused, and a new event opens the request again."""
    with worker(
        fresh_topics, tmp_path, FDT_RETENTION=f"PT{RETENTION_S}S", FDT_IDLE_CONTROL_INTERVAL="PT1S"
    ):
        wait_for(fresh_topics, lambda found: len(found.controls) == 4)
        began = now_ms()
        send([accepted(device, n, began) for n, device in enumerate(DEVICES)], fresh_topics)
        wait_for(fresh_topics, lambda found: found.counts["folded"] == len(DEVICES))
        gone = wait_for(fresh_topics, lambda found: not found.rows)
        assert told_rows(gone) == 0
        assert said_of_each(fresh_topics) == {device: ["row", "tombstone"] for device in DEVICES}
        assert now_ms() >= began + RETENTION_S * 1000
        send([accepted(DEVICES[0], 0, began)], fresh_topics)
        wait_for(fresh_topics, lambda found: found.counts["read"] == len(DEVICES) + 1)
        assert [letter["dl_reason"] for letter in dead_letters(fresh_topics)] == [b"expired-event"]
        send([accepted(DEVICES[1], 100, now_ms())], fresh_topics)
        again = wait_for(fresh_topics, lambda found: bool(found.rows))
    assert list(again.rows) == [DEVICES[1]]
    assert len(again.views()[DEVICES[1]].items[0].timeline) == 1
