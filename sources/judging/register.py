"""The DSP's register of open requests, by which it refuses a re-send.

It takes in the events of the other systems in any order, and answers whether a request was open on
a device at a time. Times are event times in milliseconds since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.identifiers import ServiceRequestId
from schemas.topics import Source
from sources.planning import vocabulary as v

_CSP_GOES_ON: Final = frozenset({"APPROVED", *v.CSP_TRANSFERS})
_CSP_ENDS: Final = frozenset({*v.CSP_REFUSALS, *v.CSP_TRANSFER_FAILURES})
_HUB_GOES_ON: Final = frozenset({"8F8A", "8F72"})
_HUB_ENDS: Final = frozenset({"8F89", "8F1C", "8F8B"})
_DATED_ACTIVATION: Final = frozenset({"8F66", "8F67"})
_VERSION_READ: Final = frozenset({"ECS52", "GCS38", "CS08"})


@dataclass(frozen=True, slots=True)
class Word:
    """The meaning of one report for a request: whether it ended.

    ``request_id`` is the request that the report names. A hub may name none, or the ID of another
    kind of request; the report then concerns every request of the device (``only_named`` is false).
    An end ``for_good`` is not undone by later reports. With ``running`` it concerns only requests
    for that version, also if it names one (I15).
    """

    at_ms: int
    ended: bool
    request_id: str | None = None
    only_named: bool = False
    for_good: bool = False
    running: str | None = None


def word_of(source: Source, fields: dict[str, Any]) -> Word | None:
    """The word of a decoded event; ``None`` if it neither ends nor continues a request.

    Raises :class:`~schemas.identifiers.InvalidIdentifier` for a malformed request ID.
    """
    request_id = fields["service_request_id"]
    named = ServiceRequestId.parse(request_id) if request_id else None
    at_ms = int(fields["occurred_at"])
    if source is Source.SSMI:
        return Word(at_ms, True, named, only_named=True, for_good=True)
    code = fields["code"].strip().upper()
    if source is Source.CSP:
        known = code in _CSP_ENDS or code in _CSP_GOES_ON
        return Word(at_ms, code in _CSP_ENDS, named, only_named=True) if known else None
    if source is Source.COMMS_HUB:
        return _hub_word(code, fields, at_ms, named)
    return None


def _hub_word(code: str, fields: dict[str, Any], at_ms: int, named: str | None) -> Word | None:
    result = fields["result_code"]
    if code in _HUB_GOES_ON or code in _HUB_ENDS:
        return Word(at_ms, code in _HUB_ENDS, named)
    dated = code in _DATED_ACTIVATION and fields["message_code"] == v.ACTIVATION_MESSAGE
    if dated or (code == "CS06" and result is not None):
        activated = code == "8F66" if dated else result == 0
        return Word(at_ms, True, named, for_good=activated, running=_runs(fields, activated))
    if code in _VERSION_READ and fields["running_version"]:
        return Word(at_ms, True, for_good=True, running=_runs(fields, activated=True))
    return None


def _runs(fields: dict[str, Any], activated: bool) -> str | None:
    """The version that an activation proves: the running one, else the target; ``None`` if it has
    neither, or failed."""
    version = fields["running_version"] or fields["firmware_version"]
    return version.strip().upper() if activated and version else None


@dataclass(frozen=True, slots=True)
class _Request:
    request_id: str
    firmware_version: str
    opened_ms: int


@dataclass(slots=True)
class _Device:
    """Requests and words of one device. A word may arrive before its request."""

    requests: dict[str, _Request] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)

    def is_about(self, word: Word, request: _Request) -> bool:
        if word.running is not None and word.running != request.firmware_version:
            return False
        if word.request_id == request.request_id:
            return True
        return not word.only_named and word.request_id not in self.requests

    def is_open(self, request: _Request, at_ms: int) -> bool:
        """Whether a request is open at a time: the last word before it decides, unless one was for
        good."""
        if at_ms < request.opened_ms:
            return False
        heard = [
            word
            for word in self.words
            if request.opened_ms <= word.at_ms <= at_ms and self.is_about(word, request)
        ]
        if any(word.for_good for word in heard):
            return False
        return not heard or not max(heard, key=lambda word: (word.at_ms, not word.ended)).ended


class Register:
    """Open requests by device. Device and request IDs are canonical."""

    def __init__(self) -> None:
        self._devices: defaultdict[str, _Device] = defaultdict(_Device)

    def take_on(self, device_id: str, request_id: str, firmware_version: str, at_ms: int) -> None:
        """The DSP accepted the device under a request."""
        request = _Request(request_id, firmware_version, at_ms)
        self._devices[device_id].requests[request_id] = request

    def hear(self, device_id: str, word: Word) -> None:
        """Take in a word about the device."""
        self._devices[device_id].words.append(word)

    def open_request(self, device_id: str, at_ms: int) -> str | None:
        """A request that was open on the device at ``at_ms``, by the words so far; or ``None``."""
        device = self._devices[device_id]
        for request in device.requests.values():
            if device.is_open(request, at_ms):
                return request.request_id
        return None
