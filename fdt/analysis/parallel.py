"""Runs pieces of work in several processes, with one progress bar; analyses use it.

A piece reports its progress, and learns by that whether to go on. It returns or raises as if it
were called here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from fdt.analysis.reading import release
from fdt.errors import RunFailed
from fdt.processes.bound_to_parent import die_with_parent_by_kernel

Told = Callable[[int], None]
"""Told how many offsets of its piece are done; raises :class:`Stopped` when all is to end."""
Piece = TypeVar("Piece")
Answer = TypeVar("Answer")

_LOOK_S: Final = 0.25
_LINE_S: Final = 5.0
_WORTH_A_PROCESS: Final = 100_000
"""Offsets whose reading takes as long as the start of a process."""


class Stopped(Exception):
    """The command was ended meanwhile."""


def processes_for(offsets: int) -> int:
    """The number of processors, but no more processes than are worth their start."""
    return min(os.cpu_count() or 1, 1 + offsets // _WORTH_A_PROCESS)


def work_off(
    work: Callable[[Piece, Told], Answer],
    pieces: Sequence[tuple[Piece, int]],
    processes: int | None,
    title: str,
) -> Iterator[Answer]:
    """The answers, as they come, of ``pieces``, each with its number of offsets.

    ``work`` must be one that can be pickled; None for ``processes`` is :func:`processes_for` all
    offsets. Of one piece, or in one process, the work is done in this process.
    :class:`~fdt.errors.RunFailed` if a process is killed.
    """
    total = sum(size for _, size in pieces)
    count = min(processes or processes_for(total), len(pieces))
    with _bar(title, total) as show:
        if count > 1:
            yield from _in_processes(work, pieces, count, show)
        else:
            yield from _here(work, pieces, show)


def _here(
    work: Callable[[Piece, Told], Answer],
    pieces: Sequence[tuple[Piece, int]],
    show: Callable[[int], None],
) -> Iterator[Answer]:
    before = 0
    try:
        for piece, size in pieces:
            yield work(piece, partial(_shown, show, before))
            before += size
    finally:
        release()


def _shown(show: Callable[[int], None], before: int, done: int) -> None:
    show(before + done)


def _in_processes(
    work: Callable[[Piece, Told], Answer],
    pieces: Sequence[tuple[Piece, int]],
    count: int,
    show: Callable[[int], None],
) -> Iterator[Answer]:
    context = multiprocessing.get_context("spawn")
    done: Any = context.RawArray("q", len(pieces) + 1)  # the last: whether to stop
    pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(done,))
    try:
        left = {pool.submit(_call, work, piece, number) for number, (piece, _) in enumerate(pieces)}
        yield from _finished(left, lambda: show(sum(done[:-1])))
    except BrokenProcessPool as error:
        raise RunFailed(
            "A process of the command was killed; the system may have no memory left: run it "
            "again, with fewer --processes."
        ) from error
    finally:
        done[-1] = 1
        pool.shutdown(cancel_futures=True)


def _finished(left: set[Future[Answer]], show: Callable[[], None]) -> Iterator[Answer]:
    while left:
        ready, left = wait(left, _LOOK_S, FIRST_COMPLETED)
        show()
        for future in ready:
            yield future.result()


_done: Any = None
"""In a worker: the numbers that it shares with the command."""


def _begin(done: Any) -> None:
    """Leave Ctrl-C to the command, and die with it."""
    global _done
    _done = done
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        die_with_parent_by_kernel()


def _call(work: Callable[[Piece, Told], Answer], piece: Piece, number: int) -> Answer:
    parent = os.getppid()

    def told(offsets: int) -> None:
        _done[number] = offsets
        if _done[-1] or os.getppid() != parent:
            raise Stopped

    told(0)
    return work(piece, told)


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Rate and time left: a bar on a terminal, a line now and then elsewhere."""
    console, began = Console(stderr=True), time.monotonic()
    if not console.file.isatty():
        yield _Lines(title, total, began)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=total, rate="")

        def show(done: int) -> None:
            rate = done / max(time.monotonic() - began, 0.001)
            progress.update(task, completed=done, rate=f"{rate:,.0f}/s")

        yield show


class _Lines:
    """Progress as lines, where there is no terminal."""

    def __init__(self, title: str, total: int, began: float) -> None:
        self._title, self._total, self._began = title, total, began
        self._due = began + _LINE_S

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now < self._due or not done:
            return
        self._due = now + _LINE_S
        rate = done / (now - self._began)
        print(
            f"{self._title}: {done:,} of {self._total:,} offsets, {rate:,.0f}/s, "
            f"{(self._total - done) / rate:,.0f} s left",
            file=sys.stderr,
            flush=True,
        )
