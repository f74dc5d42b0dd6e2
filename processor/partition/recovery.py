"""Decides whether a local store can be continued when its partition is taken over.

The status topic is authoritative. A store that is damaged, of another layout, ahead of the log, or
behind the first offset of the log is set aside, never deleted at once, and rebuilt from the log. If
the log was emptied or created again, the store is all that is left, and is continued.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from processor.partition import expiry
from processor.partition.ledger import LEDGER_KEY, Ledger, unpack
from projections.rows import LAYOUT
from storage.store import Store, StoreDamaged, give_up

logger = logging.getLogger(__name__)

ROW_PREFIX: Final = b"d"
"""Prefix of the key of a row; the Device ID follows."""

_LAYOUT_BYTE: Final = bytes([LAYOUT])

Progress = Callable[[int, int, int], None]
"""Called with (partition, offsets read, offsets in all) while a store catches up with the log."""


class Stores(Protocol):
    """Port: the stores of the partitions."""

    def open(self, partition: int) -> Store:
        """Open or create the partition's store; ``StoreDamaged`` if it is damaged."""

    def set_aside(self, partition: int, why: str) -> None:
        """Rename a closed store, so that it is kept."""

    def require_room(self) -> None:
        """``OSError`` (``ENOSPC``) if the disk is too full for another batch."""


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of the status partition when its owner took over."""

    topic_id: str
    first: int
    end: int
    is_empty: Callable[[], bool]
    """Whether it contains no record; called only if that decides."""
    tombstones_kept_ms: int

    def refuses(self, ledger: Ledger, topic_id: str) -> str | None:
        """Why a store with this ledger cannot be continued; ``None`` if it can."""
        if topic_id != self.topic_id:
            # If the log is empty, nobody has written anything newer than the store.
            return None if self.is_empty() else "it belongs to another status topic"
        if ledger.status_offset > self.end:
            return f"it is ahead of the log ({ledger.status_offset} of {self.end})"
        # A ledger ends at a transaction's last record; the marker after it contains no row.
        if ledger.status_offset + 1 < self.first:
            return f"the log begins at {self.first}, after its offset {ledger.status_offset}"
        return None

    def fresh(self) -> Ledger:
        """The ledger of an empty store, to be filled from the log."""
        return Ledger(status_offset=self.first, log_start=self.first)


def open_store(stores: Stores, number: int, log: LogState) -> tuple[Store, Ledger]:
    """The partition's store with its ledger, verified; a new store if it cannot be continued."""
    store: Store | None = None
    try:
        store = stores.open(number)
        ledger, topic_id = _verified(store)
        why = None if ledger is None else log.refuses(ledger, topic_id)
    except StoreDamaged as error:
        ledger, topic_id, why = None, "", str(error)
    if why is not None:
        if store is not None:
            give_up(store)
        stores.set_aside(number, why)
        store, ledger = stores.open(number), None
    assert store is not None
    if ledger is None:
        return store, log.fresh()
    return store, adopted(ledger, log, topic_id)


def adopted(ledger: Ledger, log: LogState, topic_id: str) -> Ledger:
    """The ledger of a continued store, for the present log."""
    if topic_id == log.topic_id and ledger.log_start == log.first:
        return ledger
    anew = topic_id != log.topic_id
    why = "was created anew" if anew else "lost its first records"
    logger.warning("the status topic %s: it is filled again from the local store", why)
    start = log.first if anew else max(log.first, ledger.status_offset)
    return replace(ledger, status_offset=start, log_start=-1)


def rows(store: Store) -> Iterator[tuple[str, bytes]]:
    """(Device ID, stored row) of all rows in a store."""
    for key, value in store.scan(ROW_PREFIX):
        yield key[len(ROW_PREFIX) :].decode(), value


def _verified(store: Store) -> tuple[Ledger | None, str]:
    """The ledger of a store, after every block was read and its rows counted; ``None`` if empty.

    Raises :class:`StoreDamaged` if a block, the count or a row's layout is wrong.
    """
    data = store.get(LEDGER_KEY)
    known = None if data is None else unpack(data)
    if data is not None and known is None:
        raise StoreDamaged("its ledger is of another layout")
    count = 0
    for _, value in store.scan(ROW_PREFIX):
        if value[:1] != _LAYOUT_BYTE:
            raise StoreDamaged(f"it holds a row of layout {value[:1].hex() or 'none'}")
        count += 1
    if (indexed := expiry.entries(store)) != count:
        raise StoreDamaged(f"its expiry index has {indexed} of {count} rows")
    ledger, topic_id = known if known is not None else (None, "")
    counted = 0 if ledger is None else ledger.rows
    if count != counted:
        raise StoreDamaged(f"it holds {count} rows where its ledger counts {counted}")
    return ledger, topic_id
