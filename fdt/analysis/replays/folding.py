"""Folds one partition of a range into a fresh table on disk; ``fdt replay --table`` runs it.

Rows are written batch by batch together with the offsets reached: a replay that was killed goes on
from there, and comes to the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fdt.analysis.cut import Span
from fdt.analysis.digest import digest
from fdt.analysis.parallel import Told
from fdt.analysis.proof.deciding import named
from fdt.analysis.replays.scratch_topic import ScratchRows
from fdt.analysis.status_rows import status_rows
from processor.assembly import Assembly
from processor.config import ProcessorConfig, codec_of
from processor.partition.ledger import DELETED_UNREAD, Position
from processor.partition.partition import Partition
from processor.rebuild.event_topics import KafkaEvents
from processor.rebuild.feeding import Feeding
from processor.rebuild.no_log import NoLog
from processor.topics import KafkaTopics
from projections.catalogue import Catalogue, load_catalogue
from projections.retention import retain
from projections.rows import decode_row
from projections.views import ItemView, device_view


@dataclass(frozen=True, slots=True)
class FoldTask:
    """One partition; ``config`` has the rules of the replay, and its folder."""

    config: ProcessorConfig
    number: int
    spans: tuple[Span, ...]
    """Of the event topics."""
    until: int | None
    """Time of the table, in milliseconds; none is that of the newest event."""
    status: Span | None
    """The status partition that the items are compared with, if they are."""
    in_force: ProcessorConfig
    """The config by whose catalogue and retention the status topic's items are shown."""
    scratch: str | None
    """The topic that the rows are published to, if they are."""


@dataclass(frozen=True, slots=True)
class Change:
    """An item that the replay's rules change; None for a side that does not have it."""

    device: str
    request: str
    before: str | None
    """Its status."""
    after: str | None
    decided_by: str
    """The evidence of its status, under the rules of the replay if it is there."""


@dataclass(frozen=True, slots=True)
class Folded:
    """The result for one partition."""

    number: int
    counts: dict[str, int]
    rows: int
    digest: str
    deleted: int
    """Offsets that were deleted while the replay stood still."""
    changes: tuple[Change, ...]


def fold(task: FoldTask, told: Told) -> Folded:
    """Fold the spans, from where an earlier run ended."""
    config, number = task.config, task.number
    no_log = NoLog()
    topics = KafkaTopics(config.bootstrap)
    assembly = Assembly(config, topics, lambda _number, _done, _total: None)
    made = assembly.partition(number, no_log, assembly.stores(config.folder))
    try:
        made.resume()
        _begin(made, task)
        total = sum(span.size for span in task.spans)
        ends = _ends(task)
        left = sum(max(0, end - made.ledger.next_offset(topic)) for topic, end in ends.items())
        feeding = Feeding(
            made,
            no_log,
            KafkaEvents(config, number),
            lambda _number, done, _total: told(total - left + done),
        )
        feeding.run(
            {topic: max(end, made.ledger.next_offset(topic)) for topic, end in ends.items()}
        )
        now = _now(made, task)
        feeding.finish(now or None)  # without any event there is no time
        rows, found = _counted(task, made, now)
        counts, deleted = dict(made.ledger.counts), made.ledger.counts.get(DELETED_UNREAD, 0)
        changes = tuple(_changes(task, made, now)) if task.status is not None else ()
    finally:
        made.close()
    return Folded(number, counts, rows, found, deleted, changes)


def _ends(task: FoldTask) -> dict[str, int]:
    """Where each topic's fold ends: for a comparison, where the status topic's rows end."""
    ends = {span.topic: span.end for span in task.spans}
    if task.status is None:
        return ends
    held = status_rows(task.config.bootstrap, codec_of(task.config), task.status)
    return {topic: min(end, held.covers.get(topic, end)) for topic, end in ends.items()}


def _begin(made: Partition, task: FoldTask) -> None:
    """Let a new table begin where the spans do."""
    if made.ledger.counts:
        return
    starts = {span.topic: span.start for span in task.spans}
    positions = {
        topic: Position(held.topic_id, starts.get(topic, held.next_offset))
        for topic, held in made.ledger.positions.items()
    }
    made.ledger = replace(made.ledger, positions=positions)


def _now(made: Partition, task: FoldTask) -> int:
    """The time of the table: the one asked for, else that of the newest event folded."""
    ledger = made.ledger
    newest = max([ledger.partition_time or 0, *ledger.last_received.values()])
    return newest if task.until is None else max(task.until, ledger.partition_time or 0)


def _counted(task: FoldTask, made: Partition, now: int) -> tuple[int, str]:
    """Number and digest of the rows, which are published in the same pass, if they are."""
    rows = _settled(made, task.config.retention_ms, now)
    if task.scratch is None:
        return digest(rows)
    codec = codec_of(task.config)
    scratch = ScratchRows(task.config.bootstrap, task.scratch, task.number, codec)
    number, found = digest(scratch.passing(rows))
    scratch.finish(replace(made.ledger, rows=number))
    return number, found


def _settled(made: Partition, retention_ms: int, now: int) -> Iterator[tuple[str, bytes]]:
    """The rows on disk that are not past their retention."""
    for device, state in made.rows():
        if not retain(decode_row(state), retention_ms, now).is_empty:
            yield device, state


def _changes(task: FoldTask, made: Partition, now: int) -> Iterator[Change]:
    """Items that the status topic shows differently."""
    assert task.status is not None
    config, codec = task.config, codec_of(task.config)
    held = status_rows(config.bootstrap, codec, task.status)
    before = _Shown(load_catalogue(task.in_force.catalogue), task.in_force.retention_ms, now)
    after = _Shown(load_catalogue(config.catalogue), config.retention_ms, now)
    for device, state in made.rows():
        _, value = held.rows.pop(device, (0, None))
        old = None if value is None else codec.decode_field("FirmwareStatus", "state", value)
        yield from _differing(
            device,
            {} if old is None else before.items(device, old),
            after.items(device, state),
        )
    for device, (_, value) in held.rows.items():
        old = codec.decode_field("FirmwareStatus", "state", value)
        yield from _differing(device, before.items(device, old), {})


@dataclass(frozen=True, slots=True)
class _Shown:
    """Shows rows under one catalogue and retention."""

    catalogue: Catalogue
    retention_ms: int
    now: int

    def items(self, device: str, state: bytes) -> dict[str, ItemView]:
        """The items of a row, by request."""
        retained = retain(decode_row(state), self.retention_ms, self.now)
        if retained.is_empty:
            return {}
        view = device_view(device, retained.row, self.catalogue, self.retention_ms)
        return {item.service_request_id: item for item in view.items}


def _differing(
    device: str, before: dict[str, ItemView], after: dict[str, ItemView]
) -> Iterator[Change]:
    for request in sorted(before.keys() | after.keys()):
        one, other = before.get(request), after.get(request)
        if _told(one) != _told(other):
            found = other or one
            assert found is not None
            yield Change(device, request, _label(one), _label(other), named(found.evidence))


def _told(item: ItemView | None) -> tuple[object, ...] | None:
    return None if item is None else (item.status, item.updated_at, item.evidence)


def _label(item: ItemView | None) -> str | None:
    return None if item is None else item.status.label
