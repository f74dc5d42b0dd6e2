"""Makes every lasting thread, so that somebody notices when it ends by itself (I13).

A thread that ends though nobody asked it to, by an exception or by returning, is logged, and its
owner decides: the process ends, or the part is replaced. docs/reliability.md lists them all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from runtime.logs.fields import about

logger = logging.getLogger(__name__)


class Explained(RuntimeError):
    """An end whose message says all that a person needs: it is logged without a traceback."""


def is_defect(error: BaseException) -> bool:
    """Whether an error is our own fault and needs its traceback. A person can mend the others by
    the message alone: disk, network, :class:`Explained`."""
    return not isinstance(error, (Explained, OSError))


class EndedByItself(Explained):
    """A thread returned though it was to go on."""


def watched(
    name: str,
    work: Callable[[], None],
    *,
    stopping: Callable[[], bool],
    on_end: Callable[[BaseException], None],
) -> threading.Thread:
    """A thread, not started yet, that does ``work``.

    ``on_end`` gets the reason, in that thread, if the work ends while it is not ``stopping``, and
    for an exception in any case.
    """

    def run() -> None:
        try:
            work()
            if not stopping():
                raise EndedByItself("it returned, though nobody had asked it to end")
        except BaseException as error:
            logger.critical(
                "the thread %s ended: %s",
                name,
                error,
                exc_info=is_defect(error),
                extra=about(part=name),
            )
            on_end(error)

    return threading.Thread(target=run, name=name, daemon=True)


class Repeating:
    """A :func:`watched` thread that does ``work`` every ``every_s`` seconds until it is told to
    end; the first time at once, or after that wait."""

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        every_s: float,
        on_end: Callable[[BaseException], None],
        *,
        at_once: bool = False,
    ) -> None:
        self._work = work
        self._every_s = every_s
        self._first_s = 0.0 if at_once else every_s
        self._stopping = threading.Event()
        self._thread = watched(name, self._run, stopping=self._stopping.is_set, on_end=on_end)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Let the work that is under way be the last: for that work itself to call."""
        self._stopping.set()

    def stop(self) -> None:
        """End the thread."""
        self.end()
        self._thread.join()

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._stopping.wait(wait_s):
            self._work()
            wait_s = self._every_s
