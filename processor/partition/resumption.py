"""Takes a partition over: fences its last owner, and brings the store up to the end of the log.

The status topic is read to its end before anything is folded, so that no row gets older.
:mod:`processor.partition.recovery` decides whether a local store is continued.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import islice
from typing import Final

from processor.partition import expiry
from processor.partition.durable_rows import DurableRows
from processor.partition.folding import STATUS_RECORD, Folding
from processor.partition.ledger import (
    CONTROL_RECORD,
    current,
    from_control,
    from_the_beginning,
)
from processor.partition.recovery import ROW_PREFIX, LogState, Progress, Stores, open_store
from processor.partition.source_topics import Topics
from processor.partition.status_log import Logged, StatusLog
from projections.rows import LAYOUT
from runtime.logs.fields import about
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY, STATUS
from storage.store import StoreDamaged, give_up

logger = logging.getLogger(__name__)

_REFILL: Final = 1_000
"""Rows in one transaction when the log is refilled from the store."""


class Resumption:
    """Takes a partition number over, each time that it is assigned."""

    def __init__(
        self,
        durable: DurableRows,
        stores: Stores,
        log: StatusLog,
        topics: Topics,
        folding: Folding,
        codec: Codec,
        progress: Progress,
    ) -> None:
        self._durable = durable
        self._stores = stores
        self._log = log
        self._topics = topics
        self._folding = folding
        self._codec = codec
        self._progress = progress

    def resume(self, *, mending: bool = False) -> None:
        """Fence the last owner, then bring the store up to the log's end.

        ``mending``: rows missing in the log do not make it read every event again, because the
        caller is going to correct the rows.
        """
        durable = self._durable
        for record in (STATUS_RECORD, CONTROL_RECORD):
            self._codec.prefix(record)  # a schema missing in the registry fails here, not later
        self._log.fence()
        topic_id = self._topics.ids()[STATUS]
        first, end = self._log.bounds()
        kept_ms = self._topics.tombstones_kept_ms()
        log = LogState(topic_id, first, end, lambda: not any(self._log.read(first, end)), kept_ms)
        self._open(log)
        try:
            self._catch_up(log, mending)
        except StoreDamaged as error:
            self._open_anew(log, str(error))
            self._catch_up(log, mending)
        durable.ledger = current(durable.ledger, self._topics.sources(durable.number))
        if durable.ledger.log_start != first:
            self._refill(log)
        logger.info(
            "partition %d: %d rows, status offset %d, goes on at %s",
            durable.number,
            durable.ledger.rows,
            durable.ledger.status_offset,
            {topic: p.next_offset for topic, p in durable.ledger.positions.items()},
            extra=about(partition=durable.number, offset=durable.ledger.status_offset),
        )

    def _open(self, log: LogState) -> None:
        """Open the store; one that stayed open is continued if it still fits the log."""
        durable = self._durable
        known = durable.store is not None and durable.status_topic_id == log.topic_id
        fits = known and durable.ledger.log_start == log.first
        if fits and log.refuses(durable.ledger, log.topic_id) is None:
            return
        durable.close()
        durable.store, durable.ledger = open_store(self._stores, durable.number, log)
        durable.status_topic_id = log.topic_id
        durable.clock.read = {}

    def _open_anew(self, log: LogState, why: str) -> None:
        durable = self._durable
        give_up(durable.opened())
        self._stores.set_aside(durable.number, why)
        durable.store = self._stores.open(durable.number)
        durable.ledger = log.fresh()

    def _catch_up(self, log: LogState, mending: bool) -> None:
        """Apply the log to its end, and compare the rows with the last control record's count.

        :class:`StoreDamaged` if the store has missed records that the log no longer has.
        """
        durable = self._durable
        began = durable.ledger.status_offset
        anew = began == log.first
        covered_at = durable.ledger.covered_at
        for logged in self._log.read(began, log.end):
            self._apply(logged)
            self._progress(durable.number, durable.ledger.status_offset - began, log.end - began)
        durable.ledger = replace(durable.ledger, status_offset=log.end)
        if covered_at and durable.ledger.covered_at - covered_at > log.tombstones_kept_ms:
            raise StoreDamaged("it is older than the log keeps tombstones")
        if durable.ledger.rows == durable.ledger.counted or mending:
            return
        what = f"{durable.ledger.rows} rows where the log counts {durable.ledger.counted}"
        if not anew:
            raise StoreDamaged(what)
        logger.error(
            "partition %d: the status topic is not whole (%s): every event is read again",
            durable.number,
            what,
            extra=about(topic=STATUS, partition=durable.number),
        )
        durable.write(from_the_beginning(durable.ledger), {})

    def _apply(self, logged: list[Logged]) -> None:
        """Write committed status records to the store: rows, tombstones, the last control
        record."""
        durable = self._durable
        store, ledger = durable.opened(), durable.ledger
        changes: dict[bytes, bytes | None] = {}
        for record in logged:
            key = ROW_PREFIX + record.key
            if record.key == CONTROL_KEY:
                assert record.value is not None
                ledger = from_control(self._codec, record.value, ledger)
            elif record.value is None:
                changes[key] = None
            else:
                state = self._codec.decode_field(STATUS_RECORD, "state", record.value)
                # Without a row of another layout the count differs, and the events are read again.
                changes[key] = state if state[:1] == bytes([LAYOUT]) else None
        rows = {key[len(ROW_PREFIX) :].decode(): state for key, state in changes.items()}
        held = dict(zip(rows, store.get_many(list(changes)), strict=True))
        grown = sum((rows[name] is not None) - (held[name] is not None) for name in rows)
        changes |= expiry.moves(expiry.times(held, rows))
        if logged:
            ledger = replace(
                ledger, status_offset=logged[-1].offset + 1, covered_at=logged[-1].timestamp
            )
        durable.write(replace(ledger, rows=ledger.rows + grown), changes)

    def _refill(self, log: LogState) -> None:
        """Write every row of the store to a log that was emptied or created again."""
        durable = self._durable
        durable.write(durable.ledger, {})
        held = durable.all()
        while chunk := list(islice(held, _REFILL)):
            records = [self._folding.status(device, state) for device, state in chunk]
            durable.append(durable.ledger, records, {})
        durable.append(replace(durable.ledger, log_start=log.first), [], {})
