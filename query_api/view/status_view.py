"""The view of the status topic: rows by device and an index by request, applied in batches.

A batch is one atomic write of rows, index entries, counters, freshness and next offsets. So rows
and index always agree at one applied offset (I6), and a crash leaves the state after some batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from projections.rows import decode_row, native_code
from projections.status_derivation import derive_statuses
from query_api.view.layout import (
    META_KEY,
    PARTITION_PREFIX,
    TOTALS_KEY,
    Changed,
    Counts,
    HeldDevice,
    IndexEntry,
    Meta,
    PartitionMark,
    RequestCounts,
    counts_key,
    decode_counts,
    decode_held,
    decode_mark,
    decode_request_counts,
    device_key,
    encode_entry,
    encode_value,
    entry_key,
    partition_key,
    partition_of_key,
)
from schemas.identifiers import DeviceId
from storage.store import WORTH_GIVING_BACK, Reading, Store


@dataclass(slots=True)
class Control:
    """The fields of a control record that the read side uses. Times are milliseconds since 1970
    UTC."""

    logged_at: int
    """Log-append time."""
    partition_time: int | None
    last_received: dict[str, int]
    folded: dict[str, int] = field(default_factory=dict)
    """Source topic -> offset of the first event not folded."""


@dataclass(slots=True)
class Covered:
    """The part of one partition that a batch covers."""

    next_offset: int
    seen_at: int
    """Newest log-append time of its records, in milliseconds."""


@dataclass(slots=True)
class Batch:
    """Records of the status topic, reduced to the last of each key."""

    rows: dict[DeviceId, bytes | None] = field(default_factory=dict)
    """Device -> stored row, or ``None`` for a tombstone."""
    controls: dict[int, Control] = field(default_factory=dict)
    covered: dict[int, Covered] = field(default_factory=dict)
    stands: dict[DeviceId, int] = field(default_factory=dict)
    """Device -> partition of its record; may be left out if the batch covers one partition."""

    def end_for(self, device: DeviceId) -> Changed:
        """The end of the batch in the partition of a device's record."""
        number = self.stands.get(device)
        if number is None:
            (number,) = self.covered
        return number, self.covered[number].next_offset


class _Draft:
    """The changes of a batch before they are written."""

    def __init__(self) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self._moves: dict[tuple[str, int, str], int] = {}
        """(request ID, status number, native code) -> change in the number of items."""
        self._oldest: dict[str, int] = {}
        """Request ID -> earliest received time of the evidence written for it."""

    def take_back(self, device: DeviceId, indexed: list[tuple[str, int, str]]) -> None:
        """Remove the index entries of a device."""
        for of in indexed:
            self.changes[entry_key(of[0], device)] = None
            self._moves[of] = self._moves.get(of, 0) - 1

    def put(self, device: DeviceId, state: bytes | None, changed: Changed) -> None:
        """Write a device's row with its index entries, or delete it; the former entries are already
        taken back. ``changed`` is the end of the batch."""
        if state is None:
            self.changes[device_key(device)] = None
            return
        indexed = []
        for request, entry in index_entries(state).items():
            status, received_at = entry.evidence.status, entry.evidence.received_at
            self.changes[entry_key(request, device)] = encode_entry(entry, changed)
            self._oldest[request] = min(self._oldest.get(request, received_at), received_at)
            of = (request, status, native_code(entry.evidence))
            self._moves[of] = self._moves.get(of, 0) + 1
            indexed.append(of)
        self.changes[device_key(device)] = encode_value(HeldDevice(indexed, state))

    def touched(self) -> dict[str, _Touched]:
        """Request ID -> the change of its counts."""
        found = {request: _Touched(oldest) for request, oldest in self._oldest.items()}
        for (request, status, reason), by in self._moves.items():
            if by:
                found.setdefault(request, _Touched()).move(status, reason, by)
        return found


@dataclass(slots=True)
class _Touched:
    """The change of a request's counts by a batch."""

    oldest: int | None = None
    """Earliest received time of the evidence that is written, if any is."""
    moves: Counts = field(default_factory=dict)
    """Change in the number of items by status."""
    reasons: dict[str, int] = field(default_factory=dict)
    """The same by native code."""

    def move(self, status: int, reason: str, by: int) -> None:
        """Count ``by`` more items, or fewer if negative."""
        self.moves[status] = self.moves.get(status, 0) + by
        self.reasons[reason] = self.reasons.get(reason, 0) + by

    def applied_to(self, before: RequestCounts | None) -> RequestCounts | None:
        """The counts afterwards; ``None`` if no items are left."""
        statuses = _moved({} if before is None else before.statuses, self.moves)
        if not statuses:
            return None
        known = (None if before is None else before.oldest, self.oldest)
        oldest = min(at for at in known if at is not None)
        reasons = _moved({} if before is None else before.reasons, self.reasons)
        return RequestCounts(statuses, oldest, reasons)


class View:
    """The materialised view in a store. One thread applies; any thread may read snapshots."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._totals: Counts = decode_counts(store.get(TOTALS_KEY))
        self._marks = marks(store)
        self._forgotten = 0
        """Devices deleted since the store last gave back their space."""

    @classmethod
    def create(cls, store: Store, meta: Meta) -> View:
        """A new view in an empty store."""
        blank = {partition_key(n): encode_value(PartitionMark()) for n in range(meta.partitions)}
        store.write({META_KEY: encode_value(meta), **blank})
        return cls(store)

    def apply(self, batch: Batch) -> None:
        """Write a batch; afterwards every new snapshot shows all of it.

        Raises ``OSError`` (:class:`~storage.store.StoreDamaged` included) of the disk, and
        :class:`~projections.state.ForeignLayout` for a row that this version cannot read; the view
        is then as it was.
        """
        draft = _Draft()
        self._put_rows(batch, draft)
        totals = self._put_counts(draft)
        new_marks = self._put_marks(batch, draft)
        self._store.write(draft.changes)
        self._totals, self._marks = totals, new_marks
        self._forgotten += sum(state is None for state in batch.rows.values())
        if self._forgotten >= WORTH_GIVING_BACK:
            self._store.give_back()
            self._forgotten = 0

    def next_offsets(self) -> dict[int, int]:
        """Partition -> offset of the first record that is not applied."""
        return {partition: mark.next_offset for partition, mark in self._marks.items()}

    def marks(self) -> dict[int, PartitionMark]:
        """The freshness of each partition as last applied."""
        return dict(self._marks)

    def totals(self) -> Counts:
        """Items of the whole view by status number, as last applied."""
        return dict(self._totals)

    def snapshot(self) -> AbstractContextManager[Reading]:
        """A consistent snapshot of the store."""
        return self._store.snapshot()

    def figures(self) -> Mapping[str, float]:
        """Metrics of the store."""
        return self._store.figures()

    def close(self) -> None:
        """Release the store."""
        self._store.close()

    def _put_rows(self, batch: Batch, draft: _Draft) -> None:
        rows = batch.rows
        stored = self._store.get_many([device_key(device) for device in rows])
        for (device, state), before in zip(rows.items(), stored, strict=True):
            if before is not None:
                draft.take_back(device, decode_held(before).indexed)
            draft.put(device, state, batch.end_for(device))

    def _put_counts(self, draft: _Draft) -> Counts:
        """Write the counts of every request that changed; the new totals."""
        touched = draft.touched()
        keys = [counts_key(request) for request in touched]
        totals = self._totals
        for key, data, of in zip(keys, self._store.get_many(keys), touched.values(), strict=True):
            before = decode_request_counts(data)
            after = of.applied_to(before)
            if after != before:
                draft.changes[key] = None if after is None else encode_value(after)
            totals = _moved(totals, of.moves)
        draft.changes[TOTALS_KEY] = encode_value(totals)
        return totals

    def _put_marks(self, batch: Batch, draft: _Draft) -> dict[int, PartitionMark]:
        new_marks = dict(self._marks)
        for partition, covered in batch.covered.items():
            mark = _advanced(self._marks[partition], covered, batch.controls.get(partition))
            new_marks[partition] = mark
            draft.changes[partition_key(partition)] = encode_value(mark)
        return new_marks


def index_entries(state: bytes) -> dict[str, IndexEntry]:
    """Request ID -> entry of each served item (rule 8: its device type is known)."""
    return {
        item.request_id: IndexEntry(item.device_type or "", item.version, item.evidence)
        for item in derive_statuses(decode_row(state)).served
    }


def marks(reading: Reading) -> dict[int, PartitionMark]:
    """The mark of every partition in a snapshot."""
    return {
        partition_of_key(key): decode_mark(value) for key, value in reading.scan(PARTITION_PREFIX)
    }


def _moved(counts: dict[Any, int], by: dict[Any, int]) -> dict[Any, int]:
    """``counts`` with ``by`` added, in order and without zeros."""
    moved = {key: counts.get(key, 0) + by.get(key, 0) for key in sorted({*counts, *by})}
    return {key: number for key, number in moved.items() if number}


def _advanced(mark: PartitionMark, covered: Covered, control: Control | None) -> PartitionMark:
    """``mark`` after a batch; without a control record its fields keep their values."""
    return PartitionMark(
        next_offset=covered.next_offset,
        seen_at=max(mark.seen_at or 0, covered.seen_at),
        as_of=control.logged_at if control else mark.as_of,
        partition_time=control.partition_time if control else mark.partition_time,
        last_received=control.last_received if control else mark.last_received,
        folded=control.folded if control else mark.folded,
    )
