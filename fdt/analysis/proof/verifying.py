"""One partition proved: made from the events = status topic = the processor's store = the read
side's view. ``fdt verify`` runs it, in processes of their own.

Everything runs on meanwhile, so store and view are each held against the status topic as it was at
the offset they had reached, and the topic at the cut against what the events up to there make.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from fdt.analysis.cut import Span
from fdt.analysis.digest import digest
from fdt.analysis.parallel import Told
from fdt.analysis.proof.copies import StoreCopy, ViewCopy, store_copy, view_copy
from fdt.analysis.proof.deciding import deciding
from fdt.analysis.status_rows import StatusRows, status_rows
from processor.assembly import Assembly
from processor.config import ProcessorConfig, codec_of
from processor.partition.partition import Partition
from processor.partition.status_log import StatusLog
from processor.rebuild.event_topics import KafkaEvents
from processor.rebuild.no_log import NoLog
from processor.rebuild.rebuilding import Rebuild, UnfencedLog
from processor.topics import KafkaTopics
from projections.state import ForeignLayout, decode_row
from projections.status_derivation import derive_statuses
from projections.status_record import status_body, status_record
from query_api.view.status_view import index_entries
from schemas.codec import Codec
from schemas.topics import STATUS

RECORD: Final = "FirmwareStatus"
Copy = Literal["topic", "store", "view"]
Values = Mapping[str, tuple[int, bytes]]
Pair = tuple[bytes | None, bytes | None]
"""What a copy has of a device, and what it should have."""

_TABLES: Final = ("held", "made")


@dataclass(frozen=True, slots=True)
class VerifyTask:
    """One partition; without stores or view these are left out."""

    config: ProcessorConfig
    number: int
    stores: tuple[Path, ...]
    view: Path | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """A device of which a copy has another row than it should."""

    device: str
    copies: tuple[Copy, ...]
    what: str
    decided_by: str | None
    """The event that decides, by its place."""


@dataclass(slots=True)
class Verdict:
    """What came out for a partition."""

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
    wrong: list[Wrong] = field(default_factory=list)


def verify(task: VerifyTask, told: Told) -> Verdict:
    """Hold the four against each other."""
    config, number = task.config, task.number
    with ExitStack() as stack:
        store = view = None
        if task.stores:
            store = stack.enter_context(store_copy(task.stores, config.folder / "notes-store"))
        if task.view is not None:
            notes = config.folder / "notes-view"
            copied = view_copy(task.view, notes, number, config.partitions)
            view = stack.enter_context(copied)
        # Asked after both, the log ends behind them.
        log = CutLog(config.bootstrap, config.group_id, number)
        verdict = Verdict(number, log.end)
        findings = _Findings(_against_events(task, log, verdict, told))
        codec = codec_of(config)
        stops = [each.offset for each in (store, view) if each is not None]
        span = Span(STATUS, number, log.first, log.end)
        topic = status_rows(config.bootstrap, codec, span, stops=stops)
        _look_at_records(topic.rows, codec, findings)
        if store is not None:
            _look_at_store(store, topic, codec, verdict, findings)
        if view is not None:
            _look_at_view(view, topic, codec, verdict, findings)
    verdict.wrong = findings.wrong()
    return verdict


class CutLog(UnfencedLog):
    """The status partition up to where it ended when this was made."""

    def __init__(self, bootstrap: str, group_id: str, number: int) -> None:
        super().__init__(bootstrap, group_id, number)
        self.first, self.end = super().bounds()

    def bounds(self) -> tuple[int, int]:
        """What is committed, up to the cut."""
        return self.first, self.end


class _Findings:
    """What is wrong, by device; ``differing`` rows of the topic are known from the start."""

    def __init__(self, differing: Mapping[str, Pair]) -> None:
        self.differing = frozenset(differing)
        self._right = {device: right for device, (_, right) in differing.items()}
        self._copies: dict[str, dict[Copy, tuple[str, bytes | None]]] = {}
        for device, (held, right) in differing.items():
            self.add("topic", device, _how(held, right), held)

    def add(self, copy: Copy, device: str, what: str, has: bytes | None) -> None:
        """A copy is wrong about a device."""
        self._copies.setdefault(device, {})[copy] = what, has

    def compare(self, copy: Copy, device: str, has: bytes | None, there: _There) -> None:
        """What a copy has, and what the topic had where the copy stands.

        Where the topic is wrong at the cut, a copy that has what the events make is right, and one
        that follows the topic is wrong with it.
        """
        follows = has == there.state
        if follows and (there.moved or device not in self.differing):
            return
        right = self._right[device] if device in self.differing else there.state
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
        """What is right of a device whose row no copy has otherwise."""
        self._right.setdefault(device, state)


def _how(has: bytes | None, right: bytes | None) -> str:
    if has is None:
        return "the row is missing"
    return "there should be no row" if right is None else "the row is another"


def _against_events(task: VerifyTask, log: CutLog, verdict: Verdict, told: Told) -> dict[str, Pair]:
    """The topic's rows that are not what the events make; the verdict learns the counts."""
    config, number = task.config, task.number
    _remove_tables(config.folder)
    assembly = Assembly(
        config, KafkaTopics(config.bootstrap), lambda _number, done, _total: told(done)
    )

    def make(name: str, its_log: StatusLog) -> Partition:
        folder = config.folder / name
        folder.mkdir(parents=True)
        return assembly.partition(number, its_log, assembly.stores(folder))

    no_log = NoLog()
    held, made = make("held", log), make("made", no_log)
    try:
        work = Rebuild(
            held,
            made,
            no_log,
            KafkaEvents(config, number),
            config.retention_ms,
            lambda _number, done, _total: told(done),
        )
        found = work.compare()
        verdict.made, verdict.digest = digest(work.right_rows())
        verdict.held = held.ledger.rows
        verdict.miscounted = held.ledger.rows != held.ledger.counted
    finally:
        held.close()
        made.close()
        _remove_tables(config.folder)
    return found


def _remove_tables(folder: Path) -> None:
    """Also those that a killed run left; its notes of what was in hand are kept."""
    for name in _TABLES:
        if (folder / name).exists():
            shutil.rmtree(folder / name)


def _look_at_records(rows: Values, codec: Codec, findings: _Findings) -> None:
    """What readers of the topic see of a row is what the row says."""
    prefix = codec.prefix(RECORD)
    for device, (_, value) in rows.items():
        state = codec.decode_field(RECORD, "state", value)
        try:
            row = decode_row(state)
            found = derive_statuses(row)
        except (ForeignLayout, msgspec.DecodeError):
            continue  # no row of ours: the events have told
        if value == prefix + status_body(device, row, found, state):
            continue
        if codec.decode(RECORD, value) != _as_read(status_record(device, row, found), codec):
            findings.note_right(device, state)
            findings.add("topic", device, "what it shows is not its row", state)


def _as_read(record: dict[str, Any], codec: Codec) -> dict[str, Any]:
    """A record as its reader has it."""
    return codec.decode(RECORD, codec.encode(RECORD, record))


def _look_at_store(
    store: StoreCopy, topic: StatusRows, codec: Codec, verdict: Verdict, findings: _Findings
) -> None:
    held = _States(topic, store.offset, codec)
    verdict.store_at, verdict.store = store.offset, 0
    unmet = set(findings.differing)
    for device, state in store.rows():
        verdict.store += 1
        unmet.discard(device)
        findings.compare("store", device, state, held.take(device))
    for device in sorted(unmet.union(held.left())):
        findings.compare("store", device, None, held.take(device))


def _look_at_view(
    view: ViewCopy, topic: StatusRows, codec: Codec, verdict: Verdict, findings: _Findings
) -> None:
    held = _States(topic, view.offset, codec)
    verdict.view_at, verdict.view = view.offset, 0
    listed, unmet = 0, set(findings.differing)
    for device, state in view.rows():
        verdict.view += 1
        unmet.discard(device)
        there = held.take(device)
        findings.compare("view", device, state, there)
        if state == there.state:
            entries = index_entries(state)
            listed += len(entries)
            if not view.lists(device, entries):
                findings.note_right(device, state)
                findings.add("view", device, "lists show something else", state)
    for device in sorted(unmet.union(held.left())):
        findings.compare("view", device, None, held.take(device))
    if sum(1 for _ in view.entries()) > listed:
        for device, row in view.strays():
            findings.add("view", device, "lists show an item that is not in its row", row)


@dataclass(frozen=True, slots=True)
class _There:
    """What the topic has of a device at the offset of a copy."""

    state: bytes | None
    moved: bool
    """Whether it has something else at the cut."""


class _States:
    """The topic's rows at an offset, each taken once."""

    def __init__(self, topic: StatusRows, offset: int, codec: Codec) -> None:
        self._left = dict(topic.at[offset])
        self._end = topic.rows
        self._codec = codec

    def take(self, device: str) -> _There:
        """What there is of a device."""
        found = self._left.pop(device, None)
        state = None if found is None else self._codec.decode_field(RECORD, "state", found[1])
        return _There(state, self._end.get(device) != found)

    def left(self) -> list[str]:
        """The devices that nobody took."""
        return list(self._left)


def task_of(
    config: ProcessorConfig,
    number: int,
    folder: Path,
    stores: tuple[Path, ...],
    view: Path | None,
) -> VerifyTask:
    """A partition's task, with a folder of its own."""
    own = replace(config, folder=folder / f"partition-{number}", worker="verify")
    return VerifyTask(own, number, stores, view)
