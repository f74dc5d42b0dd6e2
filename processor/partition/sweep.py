"""The sweep: finds what is due by the expiry index, and forgets it; the worker calls it."""

from __future__ import annotations

from typing import Final

from processor.partition import expiry
from processor.partition.durable_rows import DurableRows
from processor.partition.folding import Folding
from storage.store import WORTH_GIVING_BACK

SWEPT: Final = 200
"""Greatest number of rows of one step, between which batches are processed."""


class Sweep:
    """Forgets what is due in one partition, a few rows at a time."""

    def __init__(self, durable: DurableRows, folding: Folding) -> None:
        self._durable = durable
        self._folding = folding
        self._from: bytes | None = None
        """Entry at which an unfinished sweep continues. From the start of the index every step
        would pass over all entries deleted so far."""
        self._swept = 0
        """Rows swept since the store last gave back their space."""

    def begin_again(self) -> None:
        """Start at the beginning of the index, for the store may be another one."""
        self._from = None

    def step(self) -> bool:
        """Forget what is due in up to :data:`SWEPT` rows; whether there may be more.

        The cost depends on what is due, not on what is stored (design §7).
        """
        durable = self._durable
        now = durable.ledger.partition_time
        if now is None:
            return False
        since = now - self._folding.retention_ms
        entries = expiry.due(durable.opened(), since, SWEPT, self._from)
        forgotten = 0
        if entries:
            devices = [expiry.device_of(entry) for entry in entries]
            folded = self._folding.forget(devices, durable.held, now)
            durable.commit(folded, durable.ledger)
            self._swept += len(devices)
            forgotten = -folded.grown
        durable.meter.swept(forgotten)
        more = len(entries) == SWEPT
        self._from = entries[-1] if more else None
        if not more and self._swept >= WORTH_GIVING_BACK:
            durable.opened().give_back()
            self._swept = 0
        return more
