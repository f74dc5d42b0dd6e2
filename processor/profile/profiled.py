"""A partition whose log, store and fold record their times, in place of the plain one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, cast

from processor.batch import Batch, Frame
from processor.partition.folding import Folded, Folding, Held
from processor.partition.partition import Partition
from processor.partition.status_log import Appended, Logged, Outgoing, StatusLog
from processor.profile import stages as names
from processor.profile.stages import Stages
from processor.profile.within import Sample, kept_enough
from processor.safety.defects import Refused
from processor.stores import FolderStores
from storage.rocks import Memory
from storage.store import Reading, Store

ONE_OF: Final = 3
"""One batch of this many is kept as a sample: the first batches meet no rows."""


class ProfiledPartition(Partition):
    """Records the times of its batches, and keeps some of them in ``samples``."""

    def __init__(
        self, *given: Any, stages: Stages, samples: list[Sample], log: StatusLog, **named: Any
    ) -> None:
        super().__init__(*given, log=_Log(log, stages), **named)
        self._stages = stages
        self._folding = cast(Folding, _Folding(self._folding, stages, samples))

    def process(self, batch: Batch) -> None:
        """See :meth:`Partition.process`."""
        with self._stages.timed(names.BATCH):
            super().process(batch)
        self._stages.count(len(batch))


class ProfiledStores(FolderStores):
    """Stores that record the times of reads and writes."""

    def __init__(self, folder: Path, memory: Memory, least_free_mb: int, stages: Stages) -> None:
        super().__init__(folder, memory, least_free_mb)
        self._stages = stages

    def open(self, partition: int) -> Store:
        """See :meth:`FolderStores.open`."""
        return _Store(super().open(partition), self._stages)


class _Folding:
    """Wraps the :class:`~processor.partition.folding.Folding` of a partition."""

    def __init__(self, inner: Folding, stages: Stages, samples: list[Sample]) -> None:
        self._inner = inner
        self._stages = stages
        self._samples = samples
        self._folded = 0

    def fold(
        self,
        frames: Sequence[Frame],
        covered: Callable[[str], int],
        held: Held,
        refused: Refused | None = None,
        now: int = 0,
    ) -> Folded:
        with self._stages.timed(names.FOLD, names.LOCK_WAIT):
            folded = self._inner.fold(frames, covered, held, refused, now)
        self._folded += 1
        if self._folded % ONE_OF == 0 and not kept_enough(self._samples):
            self._samples.append(Sample(self._inner.number, frames, dict(folded.before), now))
        return folded

    def status(self, device: str, state: bytes) -> Outgoing:
        return self._inner.status(device, state)


class _Log:
    def __init__(self, inner: StatusLog, stages: Stages) -> None:
        self._inner = inner
        self._stages = stages

    def append(self, records: Sequence[Outgoing]) -> Appended:
        with self._stages.timed(names.PRODUCE, names.ACKNOWLEDGE_WAIT):
            return self._inner.append(records)

    def fence(self) -> None:
        self._inner.fence()

    def bounds(self) -> tuple[int, int]:
        return self._inner.bounds()

    def read(self, start: int, end: int) -> Iterator[list[Logged]]:
        return self._inner.read(start, end)

    def close(self) -> None:
        self._inner.close()


class _Store:
    def __init__(self, inner: Store, stages: Stages) -> None:
        self._inner = inner
        self._stages = stages

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        with self._stages.timed(names.LOOK_UP):
            return self._inner.get_many(keys)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        with self._stages.timed(names.WRITE):
            self._inner.write(changes)

    def get(self, key: bytes) -> bytes | None:
        return self._inner.get(key)

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        return self._inner.scan(prefix, start)

    def require_sound(self) -> None:
        self._inner.require_sound()

    def snapshot(self) -> AbstractContextManager[Reading]:
        return self._inner.snapshot()

    def figures(self) -> Mapping[str, float]:
        return self._inner.figures()

    def give_back(self) -> None:
        self._inner.give_back()

    def close(self) -> None:
        self._inner.close()
