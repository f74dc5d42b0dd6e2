"""One partition of the processor, with log and disk in memory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from processor.batch import Batch, Frame
from processor.meter import Meter
from processor.partition.partition import Partition
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.retention import RETENTION_MS
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import CONTROL_KEY, DAY_MS, DSP_EVENTS
from tests.simulation.broker import START_MS, Broker, Record, SimulatedLog, SimulatedTopics
from tests.simulation.disk import Disk, NothingNoted, SimulatedStores
from tests.simulation.process import Crash
from tests.support.events import dsp_event

PARTITIONS = 4
CODEC = Codec()
NOW = START_MS
DEVICES = [
    device
    for device in (f"00-DB-12-34-56-78-90-{n:02X}" for n in range(256))
    if partition_of(device, PARTITIONS) == 0
]
STRANGER = next(
    device
    for device in (f"00-DB-12-34-56-78-90-{n:02X}" for n in range(256))
    if partition_of(device, PARTITIONS) == 1
)


@dataclass
class Bench:
    """A broker and a disk that outlive the partition's processes."""

    broker: Broker = field(default_factory=Broker)
    disk: Disk = field(default_factory=Disk)
    dies_at: str = ""
    """The write point at which the process dies."""
    retention_ms: int = RETENTION_MS
    """Of the processes that are started from now on."""

    def start(self, meter: Meter | None = None) -> Partition:
        """A new process that owns partition 0."""
        partition = Partition(
            0,
            PARTITIONS,
            stores=SimulatedStores(self.disk, self.reach),
            log=SimulatedLog(self.broker, 0, self.reach),
            reader=Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS, self.retention_ms),
            codec=CODEC,
            topics=SimulatedTopics(self.broker),
            worker="test",
            in_flight=NothingNoted(),
            retention_ms=self.retention_ms,
            meter=meter,
        )
        partition.resume()
        return partition

    def reach(self, point: str) -> None:
        """Where a crash may be wanted."""
        if point == self.dies_at:
            self.dies_at = ""
            raise Crash

    def put(self, *records: Record, topic: str = DSP_EVENTS) -> Batch:
        """Source records on the broker, as a batch of one frame."""
        self.broker.sources[topic, 0].extend(records)
        return batch(*records, topic=topic)

    def rows(self) -> dict[bytes, bytes]:
        """The table on disk."""
        return dict(self.disk.folders[0].content().scan(b"d"))

    def logged_rows(self) -> dict[bytes, bytes]:
        """The table as the status topic has it."""
        latest = {r.key: r.value for r in self.broker.status[0].records if r.key != CONTROL_KEY}
        return {
            b"d" + key: CODEC.decode("FirmwareStatus", value)["state"]
            for key, value in latest.items()
        }


def accepted(device: str, offset: int) -> Record:
    """The DSP accepted a device."""
    event = dsp_event(
        event_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{device}/{offset}")),
        device_id=device,
        occurred_at=NOW - 1000,
    )
    return Record(device.encode(), CODEC.encode("DspEvent", event), offset)


def batch(*records: Record, start: int | None = None, topic: str = DSP_EVENTS) -> Batch:
    """One frame of the DSP's topic."""
    first = records[0].offset if start is None else start
    return Batch(0, (Frame(topic, first, records),), {})
