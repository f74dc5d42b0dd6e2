"""Rows that hold something past its retention are found by the expiry index, and forgotten."""

from __future__ import annotations

from typing import Final

from processor.partition import expiry
from processor.partition.durable_rows import DurableRows
from processor.partition.folding import Folding
from storage.store import WORTH_GIVING_BACK

SWEPT: Final = 200
"""Rows that a sweep looks at before folding may go on."""


class Sweep:
    """Forgets what is due in one partition, a few rows at a time."""

    def __init__(self, durable: DurableRows, folding: Folding) -> None:
        self._durable = durable
        self._folding = folding
        self._from: bytes | None = None
        """Where a sweep that is not over goes on. From the beginning of the index it would walk
        over everything that it has deleted, again with every step."""
        self._swept = 0
        """Rows swept since their space was given back."""

    def begin_again(self) -> None:
        """The store may be another one: begin at the index's beginning."""
        self._from = None

    def step(self, most: int = SWEPT) -> bool:
        """Forget what is due, of up to ``most`` rows; whether there may be more.

        Costs what is due, not what is stored (design §7).
        """
        durable = self._durable
        now = durable.ledger.partition_time
        if now is None:
            return False
        since = now - self._folding.retention_ms
        entries = expiry.due(durable.opened(), since, most, self._from)
        forgotten = 0
        if entries:
            devices = [expiry.device_of(entry) for entry in entries]
            folded = self._folding.forget(devices, durable.held, now)
            durable.commit(folded, durable.ledger)
            self._swept += len(devices)
            forgotten = -folded.grown
        durable.meter.swept(forgotten)
        more = len(entries) == most
        self._from = entries[-1] if more else None
        if not more and self._swept >= WORTH_GIVING_BACK:
            durable.opened().give_back()
            self._swept = 0
        return more
