"""The log of a program: one form, UTC, on standard error, and no control sequence of others."""

from __future__ import annotations

import logging
import time

from fdt.printable import LINES, printable


class Formatter(logging.Formatter):
    """``2026-11-23T06:00:00.000Z INFO text``; a traceback keeps its lines."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, or lines."""
        return printable(super().format(record), keep=LINES)


def log_from(level: int) -> None:
    """Say what is at least as grave as ``level``."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level, handlers=[handler])
