"""The poison probe: folds suspected records in a child process, and sees whether it dies.

``python -m processor.safety.poison_probe`` reads a pickled :class:`Trial` from its standard input,
folds it and discards the result. Only its death counts: an exception never quarantines a record.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from processor.batch import Frame, SourceRecord
from processor.partition.folding import Folding
from processor.safety.in_flight import Stored, Suspect
from schemas.identifiers import DeviceId, InvalidIdentifier

LONGEST_S: Final = 60.0
"""A trial that takes longer counts as a death: in a worker the watchdog would end the process."""


@dataclass(frozen=True, slots=True)
class Record:
    """A source record as plain data."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """The input of a child process, which makes the same parts as the worker."""

    make: Callable[[], Folding]
    """Makes the fold; must be picklable."""
    frames: tuple[Frame, ...]
    rows: dict[str, bytes | None]


def kills(make: Callable[[], Folding], suspects: Sequence[Suspect], stored: Stored) -> bool:
    """Whether a child process that folds ``suspects`` is ended by a signal, or does not end within
    :data:`LONGEST_S`."""
    devices = {device for _, record in suspects if (device := _device(record)) is not None}
    rows = {str(device): stored(device) for device in devices}
    frames = tuple(Frame(topic, record.offset, (_plain(record),)) for topic, record in suspects)
    process = subprocess.Popen(
        [sys.executable, "-m", "processor.safety.poison_probe"], stdin=subprocess.PIPE
    )
    try:
        process.communicate(pickle.dumps(Trial(make, frames, rows)), LONGEST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode < 0


def main() -> None:
    """The child process."""
    trial: Trial = pickle.load(sys.stdin.buffer)
    folding = trial.make()
    folding.fold(
        trial.frames,
        lambda topic: 0,
        lambda devices: [trial.rows.get(str(device)) for device in devices],
    )


def _device(record: SourceRecord) -> DeviceId | None:
    try:
        return DeviceId.parse((record.key or b"").decode())
    except (UnicodeDecodeError, InvalidIdentifier):
        return None


def _plain(record: SourceRecord) -> Record:
    return Record(
        record.key,
        record.value,
        record.offset,
        record.timestamp,
        tuple(record.headers),
    )


if __name__ == "__main__":
    main()
