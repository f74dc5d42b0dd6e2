"""The rows of one partition number and its ledger, in the status topic and on disk.

Order of a commit (design §6): one fenced transaction with rows, dead letters and control record;
then one atomic write of the same rows and the ledger to disk. Resumption, processing and sweep all
write through :class:`DurableRows`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from processor.meter import Meter, for_nobody
from processor.partition import expiry
from processor.partition.folding import Folded
from processor.partition.ledger import LEDGER_KEY, QUARANTINED, Ledger, control_value, pack
from processor.partition.partition_time import Clock
from processor.partition.recovery import ROW_PREFIX, Stores, rows
from processor.partition.status_log import Outgoing, StatusLog
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.topics import CONTROL_KEY, STATUS
from storage.store import Store

_REGIONS_KEPT: Final = 32


class DurableRows:
    """The rows of a partition. ``worker`` is the name written into control records."""

    def __init__(
        self,
        number: int,
        worker: str,
        stores: Stores,
        log: StatusLog,
        codec: Codec,
        meter: Meter | None,
    ) -> None:
        self.number = number
        self.ledger = Ledger()
        self.clock = Clock()
        self.meter = meter or for_nobody()
        self.store: Store | None = None
        """``None`` before the first resumption and after :meth:`close`."""
        self.status_topic_id = ""
        """The broker's topic ID of the status topic that the store follows."""
        self._worker = worker
        self._stores = stores
        self._log = log
        self._codec = codec

    def opened(self) -> Store:
        """The store of an owned partition."""
        assert self.store is not None, "resume() comes first"
        return self.store

    def close(self) -> None:
        """Close the store, not the log."""
        if self.store is not None:
            self.store.close()
            self.store = None

    def all(self) -> Iterator[tuple[str, bytes]]:
        """(Device ID, stored row) of all rows, by Device ID."""
        return rows(self.opened())

    def held(self, devices: Sequence[DeviceId]) -> Sequence[bytes | None]:
        """The stored row of each device, ``None`` without one."""
        return self.opened().get_many([ROW_PREFIX + device.encode() for device in devices])

    def commit(self, folded: Folded, ledger: Ledger) -> None:
        """Make a folded batch durable, with its expiry index and counts; ``OSError`` if the disk is
        too full."""
        self._stores.require_room()
        changed = {ROW_PREFIX + device.encode(): state for device, state in folded.rows.items()}
        index = expiry.moves(folded.times)
        self.append(_counting(ledger, folded), folded.outgoing, {**changed, **index})
        for letter in folded.outgoing[len(folded.outgoing) - folded.dead :]:
            self.meter.refused(letter.headers or ())

    def append(
        self, ledger: Ledger, records: Sequence[Outgoing], changes: Mapping[bytes, bytes | None]
    ) -> None:
        """Commit the transaction, then write the same changes to the store."""
        self.opened().require_sound()
        control = control_value(self._codec, ledger, self.number, self._worker)
        with self.meter.transaction.time():
            appended = self._log.append([*records, Outgoing(STATUS, CONTROL_KEY, control)])
        end, at = appended.next_offset, appended.timestamp
        self.meter.broker.hear(at)
        self.write(replace(ledger, status_offset=end, covered_at=at), changes)
        self.clock.broker = at

    def write(self, ledger: Ledger, changes: Mapping[bytes, bytes | None]) -> None:
        """Write rows and ledger atomically."""
        with self.meter.write.time():
            self.opened().write({**changes, LEDGER_KEY: pack(ledger, self.status_topic_id)})
        self.ledger = ledger


def _counting(ledger: Ledger, folded: Folded) -> Ledger:
    """``ledger`` with the rows and counts of a folded batch."""
    last_received = {**ledger.last_received, **folded.last_received}
    while len(last_received) > _REGIONS_KEPT:
        del last_received[min(last_received, key=last_received.__getitem__)]
    added = {
        "read": folded.read,
        "folded": folded.read - folded.dead,
        "dead_lettered": folded.dead,
    }
    if folded.quarantined:
        added[QUARANTINED] = folded.quarantined
    return replace(
        ledger,
        rows=ledger.rows + folded.grown,
        counted=ledger.rows + folded.grown,
        last_received=last_received,
        counts=ledger.counts | {name: ledger.counts.get(name, 0) + n for name, n in added.items()},
    )
