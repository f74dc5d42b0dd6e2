"""Notes of the batches in flight, on disk: they find a record that kills the process.

A note that still exists at the next start shows that the process died while it processed that
batch: killed from outside, or by one of its records (a defect in native code, unbounded memory).
After :data:`DEATHS` deaths the batch is tried in child processes, halved until one record is left
that kills its process alone (:mod:`processor.safety.poison_probe`). That record is quarantined. An
exception leaves no note: it names its record (:mod:`processor.safety.defects`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from processor.batch import Batch, SourceRecord
from processor.safety.defects import Defect, Defects, Refused
from runtime.logs.fields import about
from schemas.codec import BadRecord
from schemas.identifiers import DeviceId

logger = logging.getLogger(__name__)

DEATHS: Final = 3
"""Deaths with the same records in flight before they are tried, and trials in which a suspect must
kill its process alone before it is quarantined."""

Suspect = tuple[str, SourceRecord]
"""A record and its topic."""
Stored = Callable[[DeviceId], bytes | None]
"""Looks up the stored row of a device."""
Kills = Callable[[int, Sequence[Suspect], Stored], bool]
"""Folds records of a partition in a child process; whether that process died."""
Ranges = dict[str, tuple[int, int]]
"""Topic -> (first offset, next offset)."""


class InFlight(Protocol):
    """Port: the notes of the partitions."""

    def holding(self, number: int, batch: Batch, stored: Stored) -> AbstractContextManager[Refused]:
        """Context in which the batch is processed; gives the records that must not be folded."""
        ...


class NotedInFlight:
    """Notes as files in the worker's folder."""

    def __init__(self, folder: Path, kills: Kills, defects: Defects | None = None) -> None:
        self._folder = folder
        self._kills = kills
        self._defects = defects or Defects(folder)
        self._died: dict[int, tuple[Ranges, int]] = {}
        for path in folder.glob("partition-*.in-hand"):
            self._load(path)

    @contextmanager
    def holding(self, number: int, batch: Batch, stored: Stored) -> Iterator[Refused]:
        """Write the note; delete it when the batch is done or failed with an exception."""
        ranges = {frame.topic: (frame.start, frame.next_offset) for frame in batch.frames}
        deaths = self._deaths(number, ranges)
        path = self._path(number)
        path.write_text(json.dumps({"ranges": ranges, "deaths": deaths}), encoding="ascii")
        try:
            defective = self._defects.refused(number, batch)
            killers = self._culprits(number, batch, stored) if deaths >= DEATHS else ()
            yield {**defective, **dict.fromkeys(killers, _killer())}
            self._defects.passed(number, defective)
        except Defect as defect:
            self._defects.ended(number, defect)
            raise
        finally:
            self._died.pop(number, None)
            path.write_bytes(b"")

    def _load(self, path: Path) -> None:
        """Read a note that was left, and count one more death."""
        text = path.read_text(encoding="ascii", errors="replace")
        if not text:
            return
        number = int(path.stem.removeprefix("partition-"))
        try:
            note = json.loads(text)
            ranges = {topic: (first, end) for topic, (first, end) in note["ranges"].items()}
            deaths = note["deaths"] + 1
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("%s says nothing (%s): it was cut short", path.name, error)
            return
        logger.warning(
            "partition %d: the process died with %s in hand, %d times so far",
            number,
            _told(ranges),
            deaths,
            extra=about(partition=number),
        )
        self._died[number] = (ranges, deaths)
        path.write_text(json.dumps({"ranges": ranges, "deaths": deaths - 1}), encoding="ascii")

    def _deaths(self, number: int, ranges: Ranges) -> int:
        """How often the process died with any of these records in flight."""
        if number not in self._died:
            return 0
        died, deaths = self._died[number]
        overlap = any(
            first < died[topic][1] and died[topic][0] < end
            for topic, (first, end) in ranges.items()
            if topic in died
        )
        return deaths if overlap else 0

    def _culprits(self, number: int, batch: Batch, stored: Stored) -> frozenset[tuple[str, int]]:
        """The records of the batch that kill their process alone."""
        suspects = [(frame.topic, record) for frame in batch.frames for record in frame.records]
        culprits: list[Suspect] = []
        while suspects and self._kills(number, suspects, stored):
            culprit = self._halved(number, suspects, stored)
            if culprit is None:
                break
            culprits.append(culprit)
            suspects.remove(culprit)
        if not culprits:
            logger.warning(
                "partition %d: no record kills a child process: going on",
                number,
                extra=about(partition=number),
            )
        return frozenset((topic, record.offset) for topic, record in culprits)

    def _halved(self, number: int, suspects: Sequence[Suspect], stored: Stored) -> Suspect | None:
        """The suspect that kills its process alone in every trial; ``None`` if there is none."""
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            suspects = half if self._kills(number, half, stored) else suspects[len(half) :]
        alone = all(self._kills(number, suspects, stored) for _ in range(DEATHS))
        return suspects[0] if alone else None

    def _path(self, number: int) -> Path:
        return self._folder / f"partition-{number}.in-hand"


def _killer() -> BadRecord:
    return BadRecord(
        "kills-process",
        "Folding this record ended the process, three times alone: report it with its bytes, "
        "and send it again once a corrected version runs.",
    )


def _told(ranges: Ranges) -> str:
    return ", ".join(f"{topic} {first} to {end - 1}" for topic, (first, end) in ranges.items())
