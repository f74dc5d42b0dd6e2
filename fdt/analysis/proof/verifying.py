"""Proves one partition: rows made from the events, status topic, store and view are equal.

``fdt verify`` runs it in processes of their own. Everything runs on meanwhile, so store and view
are each compared with the status topic at the offset they have reached, and the topic at the cut
with what the events up to there make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from fdt.analysis.cut import Cut, Span
from fdt.analysis.digest import digest
from fdt.analysis.parallel import Told
from fdt.analysis.proof.copies import StoreCopy, ViewCopy, store_copy, view_copy
from fdt.analysis.proof.deciding import deciding
from fdt.analysis.proof.topic_rows import RECORD, Held, Part, TopicRows
from fdt.analysis.two_tables import two_tables
from processor.assembly import Assembly
from processor.config import ProcessorConfig, codec_of
from processor.rebuild.rebuilding import UnfencedLog
from processor.topics import KafkaTopics
from projections.rows import ForeignLayout, decode_row
from projections.status_derivation import derive_statuses
from projections.status_record import status_body, status_record
from query_api.view.status_view import index_entries
from schemas.codec import Codec
from schemas.topics import STATUS

Copy = Literal["topic", "store", "view"]
Pair = tuple[bytes | None, bytes | None]
"""What a copy has of a device, and what it should have."""

_LOOK_EVERY: Final = 10_000
_EVENTS_WORTH: Final = 10
"""Rows that are read, or compared, in the time in which one event is folded."""
_AGAIN: Final = 3
"""How often all rows are read after the events are folded."""


@dataclass(frozen=True, slots=True)
class VerifyTask:
    """One partition; without stores or view these are left out."""

    config: ProcessorConfig
    number: int
    stores: tuple[Path, ...]
    view: Path | None
    events: int
    """Offsets of its event topics."""
    rows: int
    """Offsets of its status topic, in events' worth of work."""
    counts: bool
    """Whether the view's counts are compared with its lists. They cover all partitions, so one task
    does it."""

    @property
    def size(self) -> int:
        """The work of the proof, in events."""
        return self.events + (1 + _AGAIN) * self.rows


@dataclass(frozen=True, slots=True)
class Wrong:
    """A device whose row in a copy is not the right one."""

    device: str
    copies: tuple[Copy, ...]
    what: str
    decided_by: str | None
    """The event that decides, by its place."""


@dataclass(slots=True)
class Verdict:
    """The result for one partition."""

    number: int
    cut: int
    """End of the status partition: all is held against it."""
    digest: str = ""
    """SHA-256 over all devices and rows made from the events, in order."""
    made: int = 0
    held: int = 0
    store: int | None = None
    store_at: int | None = None
    view: int | None = None
    view_at: int | None = None
    miscounted: bool = False
    miscounted_requests: list[str] = field(default_factory=list)
    """Requests that the view counts otherwise than its lists show; an empty text is everything."""
    wrong: list[Wrong] = field(default_factory=list)


def verify(task: VerifyTask, told: Told) -> Verdict:
    """Compare the four; ``told`` is called with how much of the task's size is done."""
    config, number = task.config, task.number
    with ExitStack() as stack:
        store = view = None
        if task.stores:
            store = stack.enter_context(store_copy(task.stores, config.folder / "notes-store"))
        if task.view is not None:
            notes = config.folder / "notes-view"
            copied = view_copy(task.view, notes, number, config.partitions)
            view = stack.enter_context(copied)
        # Made after both copies are opened, so that the log ends behind them.
        log = CutLog(config.bootstrap, config.group_id, number)
        verdict, parts = Verdict(number, log.end), _Parts(task, told)
        findings = _Findings(_against_events(task, log, verdict, parts))
        codec = codec_of(config)
        stops = [each.offset for each in (store, view) if each is not None]
        span = Span(STATUS, number, log.first, log.end)
        topic = TopicRows(config.bootstrap, codec, span, stops, parts.next())
        _look_at_records(topic.last_records(parts.next()), codec, findings)
        if store is not None:
            _look_at_store(store, topic, verdict, findings)
        if view is not None:
            _look_at_view(view, topic, verdict, findings, parts.next())
            if task.counts:
                verdict.miscounted_requests = view.miscounted()
    verdict.wrong = findings.wrong()
    return verdict


class _Parts:
    """Progress over the parts of the work, one after the other: the topic's rows, the events, then
    three times the rows."""

    def __init__(self, task: VerifyTask, told: Told) -> None:
        self._told = told
        self._sizes = iter((task.rows, task.events, *[task.rows] * _AGAIN))
        self._before = self._size = 0

    def next(self) -> Part:
        """The next one."""
        before = self._before = self._before + self._size
        size = self._size = next(self._sizes)

        def told(done: int, total: int) -> None:
            self._told(before + size * min(done, total) // max(total, 1))

        return told


class CutLog(UnfencedLog):
    """The status partition up to where it ended when this was made."""

    def __init__(self, bootstrap: str, group_id: str, number: int) -> None:
        super().__init__(bootstrap, group_id, number)
        self.first, self.end = super().bounds()

    def bounds(self) -> tuple[int, int]:
        """What is committed, up to the cut."""
        return self.first, self.end


class _Findings:
    """What is wrong, by device; ``differing`` are the topic's wrong rows."""

    def __init__(self, differing: Mapping[str, Pair]) -> None:
        self.differing = frozenset(differing)
        self._right = {device: right for device, (_, right) in differing.items()}
        self._copies: dict[str, dict[Copy, tuple[str, bytes | None]]] = {}
        for device, (held, right) in differing.items():
            self.add("topic", device, _how(held, right), held)

    def add(self, copy: Copy, device: str, what: str, has: bytes | None) -> None:
        """A copy is wrong about a device."""
        self._copies.setdefault(device, {})[copy] = what, has

    def compare(self, copy: Copy, device: str, has: bytes | None, there: Held) -> None:
        """Compare what a copy has with what the topic had at the copy's offset.

        Where the topic is wrong at the cut, a copy that has what the events make is right, and one
        that follows the topic is wrong with it.
        """
        if there.has(has) and (there.moved or device not in self.differing):
            return
        right = self._right[device] if device in self.differing else there.state()
        if has == right:
            return
        self._right.setdefault(device, right)
        self.add(copy, device, _how(has, right), has)

    def wrong(self) -> list[Wrong]:
        """Everything, by device."""
        return [
            Wrong(
                device,
                tuple(copies),
                "; ".join(f"{copy}: {what}" for copy, (what, _) in copies.items()),
                deciding(self._right.get(device), next(iter(copies.values()))[1]),
            )
            for device, copies in sorted(self._copies.items())
        ]

    def note_right(self, device: str, state: bytes) -> None:
        """Note the right row of a device whose row is the same in every copy."""
        self._right.setdefault(device, state)


def _how(has: bytes | None, right: bytes | None) -> str:
    if has is None:
        return "the row is missing"
    return "there should be no row" if right is None else "the row is another"


def _against_events(
    task: VerifyTask, log: CutLog, verdict: Verdict, parts: _Parts
) -> dict[str, Pair]:
    """The topic's rows that are not what the events make; the verdict learns the counts."""
    config, number = task.config, task.number
    recovered, folded = parts.next(), parts.next()
    assembly = Assembly(
        config, KafkaTopics(config.bootstrap), lambda _number, done, total: recovered(done, total)
    )

    def progress(_number: int, done: int, total: int) -> None:
        folded(done, total)

    with two_tables(config, assembly, number, log, progress) as (work, held):
        found = work.compare()
        verdict.made, verdict.digest = digest(work.right_rows())
        verdict.held = held.ledger.rows
        verdict.miscounted = held.ledger.rows != held.ledger.counted
    return found


def _look_at_records(
    records: Iterable[tuple[str, bytes]], codec: Codec, findings: _Findings
) -> None:
    """Check that the readable fields of each record say what its row says."""
    prefix = codec.prefix(RECORD)
    for device, value in records:
        state = codec.decode_field(RECORD, "state", value)
        try:
            row = decode_row(state)
            found = derive_statuses(row)
        except (ForeignLayout, msgspec.DecodeError):
            continue  # it cannot be read, so it differs from what the events make
        if value == prefix + status_body(device, row, found, state):
            continue
        if codec.decode(RECORD, value) != _as_read(status_record(device, row, found), codec):
            findings.note_right(device, state)
            findings.add("topic", device, "what it shows is not its row", state)


def _as_read(record: dict[str, Any], codec: Codec) -> dict[str, Any]:
    """A record as its reader has it."""
    return codec.decode(RECORD, codec.encode(RECORD, record))


def _look_at_store(
    store: StoreCopy, topic: TopicRows, verdict: Verdict, findings: _Findings
) -> None:
    verdict.store_at, verdict.store = store.offset, 0
    unmet = {*findings.differing, *topic.at(store.offset)}
    for device, state in store.rows():
        verdict.store += 1
        unmet.discard(device)
        findings.compare("store", device, state, topic.held(device, store.offset))
    for device in sorted(unmet):
        findings.compare("store", device, None, topic.held(device, store.offset))


def _look_at_view(
    view: ViewCopy, topic: TopicRows, verdict: Verdict, findings: _Findings, told: Part
) -> None:
    verdict.view_at, verdict.view = view.offset, 0
    listed, unmet = 0, {*findings.differing, *topic.at(view.offset)}
    rows = len(topic.at(view.offset))
    for device, state in view.rows():
        verdict.view += 1
        if verdict.view % _LOOK_EVERY == 0:
            told(verdict.view, rows)
        unmet.discard(device)
        there = topic.held(device, view.offset)
        findings.compare("view", device, state, there)
        if there.has(state):
            entries = index_entries(state)
            listed += len(entries)
            if not view.lists(device, entries):
                findings.note_right(device, state)
                findings.add("view", device, "lists show something else", state)
    for device in sorted(unmet):
        findings.compare("view", device, None, topic.held(device, view.offset))
    told(rows, rows)
    if sum(1 for _ in view.entries()) > listed:
        for device, row in view.strays():
            findings.add("view", device, "lists show an item that is not in its row", row)


def task_of(
    config: ProcessorConfig,
    now: Cut,
    number: int,
    folder: Path,
    stores: tuple[Path, ...],
    view: Path | None,
    *,
    counts: bool,
) -> VerifyTask:
    """A partition's task, with a folder of its own."""
    own = replace(config, folder=folder / f"partition-{number}", worker="verify")
    status = now.of(STATUS)[number].size
    events = sum(span.size for span in now.spans if span.partition == number) - status
    return VerifyTask(own, number, stores, view, events, status // _EVENTS_WORTH, counts)
