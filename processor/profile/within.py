"""Measures the steps of a fold on batches that a worker has kept.

A step takes less time for one event than two readings of a clock, so it is not measured while the
worker runs: some batches are kept with the rows that they met, and folded again step by step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from processor.batch import Frame, SourceRecord
from processor.partition import expiry
from processor.partition.dead_letters import place_of
from projections.events import RECORDS, Reader, check_key
from projections.fold import Fold
from projections.retention import Retained, retain
from projections.rows import encode_row
from projections.state import Report, Row
from projections.status_record import status_body
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId
from schemas.topics import TOPIC_SOURCES

MEANING: Final = {
    "decode": "framing and Avro, of every record",
    "check": "place, identifiers, code, key: a report of every record",
    "row decode": "the stored row of every device of a batch",
    "fold": "reports into their rows",
    "status": "status derivation and retention of every changed row",
    "row encode": "bytes of every changed row",
    "status record": "the public record of every changed row",
    "expiry index": "which entries of the index change",
}
"""Step -> meaning, in the order of execution."""
KEPT: Final = 40_000
"""Greatest number of records in the batches that are kept."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A batch with the rows that it met and the partition time."""

    number: int
    frames: Sequence[Frame]
    held: dict[str, bytes | None]
    now: int


class Steps:
    """Runs the steps of a fold with the same parts as the worker."""

    def __init__(self, reader: Reader, codec: Codec, rules: Fold, retention_ms: int) -> None:
        self._reader = reader
        self._codec = codec
        self._rules = rules
        self._retention_ms = retention_ms
        self._spent: dict[str, float] = {}

    def microseconds(self, samples: Sequence[Sample]) -> dict[str, float]:
        """Step -> microseconds an event of ``samples``; empty without samples."""
        self._spent = {}
        for sample in samples:
            self._go_through(sample)
        events = sum(len(frame.records) for sample in samples for frame in sample.frames)
        return {step: seconds * 1e6 / events for step, seconds in self._spent.items()}

    def _go_through(self, sample: Sample) -> None:
        records = [
            (TOPIC_SOURCES[frame.topic], frame.topic, record)
            for frame in sample.frames
            for record in frame.records
        ]
        decoded = self._step("decode", self._decoded, records)
        reports = self._step("check", self._checked, sample.number, decoded)
        rows = self._step("row decode", self._rows, reports, sample)
        self._step("fold", self._added, rows, reports)
        retained = self._step("status", self._retained, rows, sample.now)
        states = self._step("row encode", _encoded, retained)
        self._step("status record", _bodies, retained, states)
        times = {
            device: (None if sample.held.get(device) is None else 0, each.row.holds_from)
            for device, each in retained.items()
        }
        self._step("expiry index", expiry.moves, times)

    def _step(self, name: str, work: Callable[..., Any], *given: Any) -> Any:
        begun = time.thread_time()
        done = work(*given)
        self._spent[name] = self._spent.get(name, 0.0) + time.thread_time() - begun
        return done

    def _decoded(self, records: Sequence[tuple[Any, str, SourceRecord]]) -> list[Any]:
        found = []
        for source, topic, record in records:
            try:
                fields = self._codec.decode(RECORDS[source], record.value)
            except BadRecord:
                continue
            found.append((source, topic, record, fields))
        return found

    def _checked(self, number: int, decoded: list[Any]) -> dict[DeviceId, list[Report]]:
        reports: dict[DeviceId, list[Report]] = {}
        for source, topic, record, fields in decoded:
            try:
                place = place_of(topic, number, record)
                device, report = self._reader.report(source, fields, place)
                check_key(record.key, device)
            except BadRecord:
                continue
            reports.setdefault(device, []).append(report)
        return reports

    def _rows(self, reports: dict[DeviceId, list[Report]], sample: Sample) -> dict[DeviceId, Row]:
        new, stored = self._rules.new_row, self._rules.stored_row
        held = sample.held
        return {
            device: new() if (data := held.get(device)) is None else stored(data)
            for device in reports
        }

    def _added(self, rows: dict[DeviceId, Row], reports: dict[DeviceId, list[Report]]) -> None:
        for device, row in rows.items():
            for report in reports[device]:
                self._rules.add(row, report)

    def _retained(self, rows: dict[DeviceId, Row], now: int) -> dict[DeviceId, Retained]:
        found = {d: retain(row, self._retention_ms, now) for d, row in rows.items()}
        return {device: retained for device, retained in found.items() if not retained.is_empty}


def _encoded(retained: dict[DeviceId, Retained]) -> dict[str, bytes | None]:
    return {device: encode_row(each.row) for device, each in retained.items()}


def _bodies(retained: dict[DeviceId, Retained], states: dict[str, bytes | None]) -> None:
    for device, each in retained.items():
        status_body(device, each.row, each.found, states[device] or b"")


def kept_enough(samples: Sequence[Sample]) -> bool:
    """Whether enough batches are kept."""
    frames = chain.from_iterable(sample.frames for sample in samples)
    return sum(len(frame.records) for frame in frames) >= KEPT
