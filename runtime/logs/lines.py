"""Turns a record of :mod:`logging` into a line: text for people, or one JSON object.

structlog's processors do it for all loggers, ours and those of libraries (Faust, aiokafka,
librdkafka, uvicorn, Python's warnings).
"""

from __future__ import annotations

import json
import logging
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from structlog.stdlib import ProcessorFormatter

from runtime.logs.log_settings import JSON, LogSettings
from runtime.logs.printable import LINES, printable
from runtime.logs.pseudonyms import Pseudonyms
from runtime.threads import is_defect

Event = MutableMapping[str, Any]

_COLOURED: Final = "color_message"
"""uvicorn's second copy of its message, with terminal escape sequences."""


def formatter(settings: LogSettings) -> logging.Formatter:
    """What makes the lines that ``settings`` ask for."""
    hide = Hidden(settings)
    render = _as_json if settings.log_format == JSON else _for_people
    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(),
            _headed,
        ],
        processors=[
            _traceback_of_a_defect,
            structlog.processors.format_exc_info,
            ProcessorFormatter.remove_processors_meta,
            hide,
            render,
        ],
    )


def json_line(event: Event) -> str:
    """One line, in ASCII: no terminal and no encoding makes something else of it."""
    return json.dumps(event, default=str)


def stamp(seconds: float) -> str:
    """UTC with milliseconds, as the rest of the system writes times; seconds since 1970."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Hidden:
    """Hides device identifiers, if that is set: in the message, the fields and tracebacks."""

    def __init__(self, settings: LogSettings) -> None:
        hashed = settings.log_device_ids == "hashed"
        self._pseudonyms = Pseudonyms(settings.log_key()) if hashed else None

    def __call__(self, _logger: Any, _name: str, event: Event) -> Event:
        """The event with pseudonyms in their place."""
        if self._pseudonyms is None:
            return event
        hidden: Event = self._pseudonyms.within(dict(event))
        return hidden


def _headed(_logger: Any, _name: str, event: Event) -> Event:
    """The event with the fields that all have in front."""
    record: logging.LogRecord = event["_record"]
    return {
        "timestamp": stamp(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        **{name: value for name, value in event.items() if name != _COLOURED},
    }


def _traceback_of_a_defect(_logger: Any, _name: str, event: Event) -> Event:
    """Leave the traceback out of an error that a person can mend: its sentence says all."""
    raised = event.get("exc_info")
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException) and not is_defect(error):
        del event["exc_info"]
    return event


def _as_json(_logger: Any, _name: str, event: Event) -> str:
    return json_line(event)


def _for_people(_logger: Any, _name: str, event: Event) -> str:
    """The message, with a traceback's lines below it; control characters are escaped."""
    told = f"{event['timestamp']} {str(event['level']).upper()} {event['event']}"
    below = [str(event[name]) for name in ("exception", "stack") if event.get(name)]
    return printable("\n".join([told, *below]), keep=LINES)
