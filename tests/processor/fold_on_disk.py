"""A processor of one partition as a process of its own: real stores in a folder, a log in a file.

``python -m tests.processor.fold_on_disk FOLDER [DESCRIPTOR]`` folds every event that the log does
not cover yet. With a descriptor its writes are reported first (:mod:`tests.support.no_space`).
"""

from __future__ import annotations

import logging
import pickle
import random
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from processor.batch import Batch, Frame
from processor.partition.partition import Partition
from processor.partition.recovery import Stores
from processor.partition.status_log import Appended, Outgoing
from processor.safety.in_flight import InFlight, NotedInFlight
from processor.stores import FolderStores
from projections.catalogue import load_catalogue
from projections.events import Reader
from schemas.codec import Codec
from schemas.topics import DAY_MS, DSP_EVENTS
from storage.rocks import Memory
from tests.simulation.broker import START_MS, Broker, Record, SimulatedLog, SimulatedTopics
from tests.support.events import dsp_event
from tests.support.no_space import report_writes

EVENTS: Final = 2_400
BATCH: Final = 40
CODEC: Final = Codec()
_DEVICES: Final = [f"00-DB-12-34-56-78-{n >> 8:02X}-{n & 255:02X}" for n in range(400)]
_LOG: Final = "committed"


class FileLog(SimulatedLog):
    """What is committed is in a file too, before the processor hears of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(broker_of(transactions(folder)), 0)
        self._file = (folder / _LOG).open("ab", buffering=0)

    def append(self, records: Sequence[Outgoing]) -> Appended:
        """One transaction."""
        appended = super().append(records)
        self._file.write(pickle.dumps(tuple(records)))
        return appended


def transactions(folder: Path) -> list[tuple[Outgoing, ...]]:
    """Everything that was committed, in order."""
    path, found = folder / _LOG, []
    if path.exists():
        with path.open("rb") as file:
            while file.peek(1):
                found.append(pickle.load(file))
    return found


def broker_of(committed: Iterable[Sequence[Outgoing]]) -> Broker:
    """A broker with every event on it, and what was committed so far."""
    broker = Broker()
    broker.sources[DSP_EVENTS, 0] = events()
    for records in committed:
        broker.commit(0, 0, records)
    return broker


def events() -> list[Record]:
    """The same events in every process, about devices that come up again and again."""
    rng = random.Random(5)
    return [_event(rng, offset) for offset in range(EVENTS)]


def _event(rng: random.Random, offset: int) -> Record:
    device = rng.choice(_DEVICES)
    fields: dict[str, Any] = {
        "event_id": str(uuid.UUID(int=rng.getrandbits(128))),
        "device_id": device,
        "detail": rng.randbytes(500).hex(),
        "occurred_at": START_MS - rng.randrange(DAY_MS),
    }
    return Record(device.encode(), CODEC.encode("DspEvent", dsp_event(**fields)), offset)


def partition_of(stores: Stores, log: SimulatedLog, in_flight: InFlight) -> Partition:
    """The real partition over what it is given."""
    return Partition(
        0,
        1,
        stores=stores,
        log=log,
        reader=Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS),
        codec=CODEC,
        topics=SimulatedTopics(log.broker),
        worker="test",
        in_flight=in_flight,
    )


def fold_all(partition: Partition, log: SimulatedLog) -> None:
    """Own the partition, and fold what it does not cover yet."""
    partition.resume()
    waiting = log.broker.sources[DSP_EVENTS, 0][partition.ledger.next_offset(DSP_EVENTS) :]
    for at in range(0, len(waiting), BATCH):
        records = waiting[at : at + BATCH]
        partition.process(Batch(0, (Frame(DSP_EVENTS, records[0].offset, records),), {}))


def main(folder: Path, connection: int | None = None) -> None:
    """What a worker does, and how it ends: in order, whatever ended it."""
    logging.basicConfig(level=logging.WARNING)
    if connection is not None:
        report_writes(connection)
    log = FileLog(folder)
    # So little memory that RocksDB flushes every few batches, and compacts now and then.
    stores = FolderStores(folder, memory=Memory(3), least_free_mb=0)
    partition = partition_of(stores, log, NotedInFlight(folder, lambda *_: False))
    try:
        fold_all(partition, log)
    finally:
        partition.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
