"""Begins the log of a program, before anything else: on standard error, in one format.

With JSON, everything that a long-running program writes is an event: what it prints, uncaught
exceptions, warnings. Only what native code writes as it dies is not; a supervisor of ours makes
events of that too (:func:`relayed`).
"""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TextIO, cast

from runtime.logs.lines import Event, Hidden, formatter, json_line, stamp
from runtime.logs.log_settings import JSON, LogSettings, usable
from runtime.logs.seldom import Seldom

OURS: Final = (
    *("fdt", "firmware_tracking", "processor", "projections", "query_api"),
    *("runtime", "schemas", "sources", "storage"),
)
"""Loggers whose debug messages can be asked for: those of others quote headers and cookies."""
_TALKATIVE: Final = ("httpx", "httpx2")
"""They log a line for every request, a sign-in's with its code."""
CHILD: Final = "runtime.logs.child"
"""Logger of lines of a child program that are no events."""


class _Program:
    """The handler of this process, once all its output is events."""

    handler: _Handler | None = None
    hidden: Hidden


def begin(usual: int, *, stays: bool = False) -> None:
    """Begin to log what is at least as grave as ``usual``, or as FDT_LOG_LEVEL.

    Of a program that ``stays``, all output is log; what a command prints is its result. Nothing is
    changed where logging is set up already: then we are a library in another program.
    """
    if logging.getLogger().handlers:
        return
    settings = usable()
    least = settings.least(usual)
    handler = _Handler(sys.stderr)
    handler.setFormatter(formatter(settings))
    handler.addFilter(Seldom())
    logging.basicConfig(level=max(least, logging.INFO), handlers=[handler])
    for name in OURS:
        logging.getLogger(name).setLevel(least)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    if stays and settings.log_format == JSON:
        _everything_is_an_event(settings, handler)


def is_json() -> bool:
    """Whether all output of this program is events."""
    return _Program.handler is not None


def relayed(program: str, line: str) -> bool:
    """Pass on a line of a child ``program``; False where the log is for people, whom the caller
    tells in another way."""
    if _Program.handler is None:
        return False
    _Program.handler.write(_event_of(program, line))
    return True


def _event_of(program: str, line: str) -> Event:
    """The child's own event, or one that has its line."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict) and {"timestamp", "level", "logger", "event"} <= found.keys():
        return {**found, "program": program}
    event = {
        "timestamp": stamp(time.time()),
        "level": "info",
        "logger": CHILD,
        "event": line,
        "program": program,
    }
    return _Program.hidden(None, "", event)


class _Handler(logging.StreamHandler[TextIO]):
    """A handler that also writes events that are no records, each as a whole line."""

    def write(self, event: Event) -> None:
        """An event that is no record."""
        self.acquire()
        try:
            self.stream.write(json_line(event) + self.terminator)
            self.flush()
        finally:
            self.release()

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that an event could not be written; nothing if nobody reads any more.

        Python would print a traceback, of which each line would be an event that cannot be written.
        """
        error = sys.exc_info()[1]
        with suppress(OSError):
            self.write(
                {
                    "timestamp": stamp(record.created),
                    "level": "error",
                    "logger": __name__,
                    "event": f"an event of {record.name} could not be written: {error}",
                }
            )


def _everything_is_an_event(settings: LogSettings, handler: _Handler) -> None:
    _Program.handler, _Program.hidden = handler, Hidden(settings)
    sys.stdout = cast(TextIO, _Spoken("stdout", logging.INFO, sys.stdout))
    sys.stderr = cast(TextIO, _Spoken("stderr", logging.ERROR, sys.stderr))
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


class _Spoken(io.TextIOBase):
    """Standard output or error, of which each line is an event."""

    def __init__(self, name: str, level: int, instead_of: TextIO) -> None:
        self._logger = logging.getLogger(name)
        self._level = level
        self._instead_of = instead_of
        self._begun = threading.local()

    def write(self, text: str) -> int:
        """Whole lines are logged, the rest waits; threads do not meet in one line."""
        *whole, rest = (getattr(self._begun, "line", "") + text).split("\n")
        self._begun.line = rest
        for line in filter(None, map(str.rstrip, whole)):
            self._logger.log(self._level, "%s", line)
        return len(text)

    def fileno(self) -> int:
        """Of the stream itself, for those who ask whether somebody still reads."""
        return self._instead_of.fileno()

    def isatty(self) -> bool:
        """No terminal shows a bar here."""
        return False

    def writable(self) -> bool:
        """It is."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """All characters can be written."""
        return "utf-8"


_fatal: Final = logging.getLogger("runtime.logs.fatal")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _fatal.critical("the program ends: %s: %s", kind.__name__, error, exc_info=error)


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    name = "unknown" if told.thread is None else told.thread.name
    _fatal.error("the thread %s ended: %s", name, told.exc_value, exc_info=told.exc_value)


def _unraisable(told: Any) -> None:
    _fatal.error("%s %r: %s", told.err_msg or "ignored in", told.object, told.exc_value)
