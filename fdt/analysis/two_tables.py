"""Makes the table of one partition twice, as it is held and from the events, to compare the two.

``fdt verify`` and ``fdt rebuild`` use it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from processor.assembly import Assembly
from processor.config import ProcessorConfig
from processor.partition.partition import Partition
from processor.partition.recovery import Progress
from processor.partition.status_log import StatusLog
from processor.rebuild.event_topics import KafkaEvents
from processor.rebuild.no_log import NoLog
from processor.rebuild.rebuilding import Rebuild

_HELD: Final = "held"
_MADE: Final = "made"


@contextmanager
def two_tables(
    config: ProcessorConfig, assembly: Assembly, number: int, log: StatusLog, progress: Progress
) -> Iterator[tuple[Rebuild, Partition]]:
    """The comparison, and the table that is held: the one that follows ``log``.

    Both tables are in the folder of ``config``, and are removed before and after, with those that a
    killed run left. The folder's notes stay: they find a record that kills the process.
    """
    _remove(config.folder)
    no_log = NoLog()
    with ExitStack() as stack:
        stack.callback(_remove, config.folder)

        def table(name: str, its_log: StatusLog) -> Partition:
            folder = config.folder / name
            folder.mkdir(parents=True)
            made = assembly.partition(number, its_log, assembly.stores(folder))
            stack.callback(made.close)
            return made

        held, made = table(_HELD, log), table(_MADE, no_log)
        events = KafkaEvents(config, number)
        yield Rebuild(held, made, no_log, events, config.retention_ms, progress), held


def _remove(folder: Path) -> None:
    for name in (_HELD, _MADE):
        if (folder / name).exists():
            shutil.rmtree(folder / name)
