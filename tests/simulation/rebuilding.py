"""A rebuild from the events on a simulated broker, with stores in memory."""

from __future__ import annotations

from collections.abc import Iterator

from processor.batch import SourceRecord
from processor.partition.partition import Partition
from processor.partition.status_log import StatusLog
from processor.rebuild.no_log import NoLog
from processor.rebuild.rebuilding import Rebuild
from projections.events import Reader
from tests.simulation.broker import Broker, SimulatedLog, SimulatedTopics
from tests.simulation.disk import Disk, NothingNoted, SimulatedStores
from tests.simulation.events import CODEC, PARTITIONS


class Unfenced(SimulatedLog):
    """A log that is only read."""

    def fence(self) -> None:
        """Nobody is fenced."""


def rebuild(
    broker: Broker,
    number: int,
    reader: Reader,
    retention_ms: int,
    *,
    fenced: bool = False,
    partitions: int = PARTITIONS,
) -> Rebuild:
    """The rebuild of a partition number."""

    def partition(log: StatusLog) -> Partition:
        return Partition(
            number,
            partitions,
            stores=SimulatedStores(Disk()),
            log=log,
            reader=reader,
            codec=CODEC,
            topics=SimulatedTopics(broker),
            worker="rebuild",
            in_flight=NothingNoted(),
            retention_ms=retention_ms,
        )

    def events(topic: str, start: int, end: int) -> Iterator[SourceRecord]:
        return iter([r for r in broker.sources[topic, number] if start <= r.offset < end])

    no_log = NoLog()
    log = SimulatedLog(broker, number) if fenced else Unfenced(broker, number)
    return Rebuild(partition(log), partition(no_log), no_log, events, retention_ms)
