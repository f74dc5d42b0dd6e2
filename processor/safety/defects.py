"""Unexpected exceptions: counts how often a record ended the worker, and refuses it at last.

A defect of this software ends the worker with its batch uncommitted. Repeated at the same record it
would stop the partition for ever, so after :data:`ENDS` ends the record is refused as ``defect``,
with the traceback, to be sent again once a corrected version runs. A defect at every record must
not move the whole topic to the dead letters: a partition refuses at most :data:`MOST` records a
day, and beyond that the worker ends each time (docs/decisions/0018).
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from processor.batch import Batch
from runtime.logs.fields import about
from schemas.codec import BadRecord
from schemas.topics import DAY_MS

logger = logging.getLogger(__name__)

ENDS: Final = 3
"""Ends of the worker at one record with the same kind of exception, before it is refused."""
MOST: Final = 5
"""Records that a partition refuses within a day because of defects, at most."""
REASON: Final = "defect"

_ROOT: Final = str(Path(__file__).parents[2]) + "/"

SourcePlace = tuple[str, int]
"""A source topic and an offset."""
Refused = Mapping[SourcePlace, BadRecord]
"""Records that are not to be decoded, with the reason."""


class Defect(RuntimeError):
    """An unexpected exception while the record at ``place`` was decoded, checked or folded."""

    def __init__(self, number: int, place: SourcePlace, error: Exception) -> None:
        topic, offset = place
        super().__init__(
            f"{type(error).__name__}: {error}, while folding {topic}[{number}] offset {offset}"
        )
        self.number = number
        self.place = place
        self.error = error


class _Known(msgspec.Struct):
    """One record in a partition's file."""

    topic: str
    offset: int
    kind: str
    ends: int
    told: str

    @property
    def place(self) -> SourcePlace:
        return self.topic, self.offset


class _Noted(msgspec.Struct):
    known: list[_Known] = []
    refused_ms: list[int] = []
    """When records were refused, in milliseconds since 1970 UTC by this machine's clock."""


class Defects:
    """Files in the worker's folder, one for each partition that has met a defect."""

    def __init__(
        self, folder: Path, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._folder = folder
        self._now_ms = now_ms
        self._noted: dict[int, _Noted] = {}
        for path in folder.glob("partition-*.defects"):
            self._load(path)

    def refused(self, number: int, batch: Batch) -> Refused:
        """The records of a batch that are to be refused, for they ended the worker too often."""
        noted = self._noted.get(number)
        if noted is None:
            return {}
        offsets = {f.topic: {record.offset for record in f.records} for f in batch.frames}
        due = [
            known
            for known in noted.known
            if known.ends >= ENDS and known.offset in offsets.get(known.topic, ())
        ]
        left = MOST - sum(at > self._now_ms() - DAY_MS for at in noted.refused_ms)
        if len(due) > left:
            logger.critical(
                "partition %d: %d records were refused for defects within a day, and no more are: "
                "the defect is not theirs; run a corrected version",
                number,
                MOST - left,
                extra=about(partition=number, reason=REASON),
            )
        return {known.place: _bad(number, known) for known in due[: max(left, 0)]}

    def ended(self, number: int, defect: Defect) -> None:
        """Note that the worker ends because of a record."""
        noted = self._noted.setdefault(number, _Noted())
        kind = type(defect.error).__name__
        before = [known for known in noted.known if known.place == defect.place]
        ends = before[0].ends if before and before[0].kind == kind else 0
        noted.known = [known for known in noted.known if known.place != defect.place]
        noted.known.append(_Known(*defect.place, kind, ends + 1, told(defect.error)))
        self._save(number)

    def passed(self, number: int, refused: Refused) -> None:
        """Note that a batch is durable, with these of its records refused."""
        if not refused:
            return
        noted = self._noted[number]
        noted.known = [known for known in noted.known if known.place not in refused]
        noted.refused_ms += [self._now_ms()] * len(refused)
        noted.refused_ms = noted.refused_ms[-MOST:]
        self._save(number)

    def _load(self, path: Path) -> None:
        try:
            noted = msgspec.json.decode(path.read_bytes(), type=_Noted)
        except msgspec.DecodeError as error:
            logger.warning("%s says nothing (%s): it was cut short", path.name, error)
            return
        self._noted[int(path.stem.removeprefix("partition-"))] = noted

    def _save(self, number: int) -> None:
        path = self._folder / f"partition-{number}.defects"
        path.write_bytes(msgspec.json.encode(self._noted[number]))


def told(error: Exception) -> str:
    """The exception with its traceback, the innermost call first. Only its message can contain data
    of the record."""
    frames = traceback.extract_tb(error.__traceback__)
    calls = (f"{f.filename.removeprefix(_ROOT)}:{f.lineno} in {f.name}" for f in reversed(frames))
    return "; ".join([f"{type(error).__name__}: {str(error)[:500]}", *calls])


def _bad(number: int, known: _Known) -> BadRecord:
    logger.critical(
        "partition %d: %s offset %d has ended the worker %d times and is refused as a dead letter: "
        "%s. Send it again with 'fdt dead-letters resend --reason %s' once a corrected version "
        "runs",
        number,
        known.topic,
        known.offset,
        known.ends,
        known.told,
        REASON,
        extra=about(topic=known.topic, partition=number, offset=known.offset, reason=REASON),
    )
    return BadRecord(REASON, known.told)
