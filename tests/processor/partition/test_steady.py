"""Hours of a steady rate with a retention of one minute: nothing grows."""

from __future__ import annotations

import uuid
from typing import Final

from processor.batch import Batch, Frame
from processor.partition.partition import Partition
from schemas.partitioning import partition_of
from schemas.topics import DSP_EVENTS, SOURCE_TOPICS
from tests.processor.bench import CODEC, PARTITIONS, Bench
from tests.simulation.broker import Record
from tests.support.events import dsp_event

RETENTION_S: Final = 60
SECONDS: Final = 2 * 3_600
AT_MOST: Final = RETENTION_S + 2
"""One new device a second is held for a minute, and swept a second later."""
DEVICES: Final = [
    device
    for device in (f"00-DB-12-34-56-{n >> 8:02X}-{n & 255:02X}-00" for n in range(1 << 16))
    if partition_of(device, PARTITIONS) == 0
][:SECONDS]


def test_two_hours_leave_a_minute() -> None:
    """Rows, the expiry index, what a disk holds and a compacted topic stay as large as after the
    first minute."""
    bench = Bench(retention_ms=RETENTION_S * 1_000)
    partition = bench.start()
    for second, device in enumerate(DEVICES):
        bench.broker.now += 1_000
        hold_and_forget(bench, partition, device, second)
        assert partition.ledger.rows <= AT_MOST
        if second % 600 == 599:
            held = dict(bench.disk.folders[0].content().scan(b""))
            assert len(held) == 2 * partition.ledger.rows + 1  # rows, index, ledger
            bench.broker.compact(0, bench.broker.status[0].end)
            assert len(bench.broker.status[0].records) == partition.ledger.rows + 1
    assert partition.ledger.counts["folded"] == SECONDS


def hold_and_forget(bench: Bench, partition: Partition, device: str, offset: int) -> None:
    """One event, then a sweep."""
    at = bench.broker.now
    event = dsp_event(event_id=str(uuid.UUID(int=offset)), device_id=device, occurred_at=at)
    record = Record(device.encode(), CODEC.encode("DspEvent", event), offset, timestamp=at)
    ends = dict.fromkeys(SOURCE_TOPICS.values(), 0) | {DSP_EVENTS: offset + 1}
    partition.process(Batch(0, (Frame(DSP_EVENTS, offset, (record,)),), ends))
    while partition.sweep():
        pass
