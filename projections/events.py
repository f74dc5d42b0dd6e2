"""From a decoded record to a report: the checks that decide between the fold and the dead letters.

Each refusal has its own reason code (design §5, *malformed*), and says how to mend the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from projections.catalogue import Catalogue, Meaning, UnknownCode
from projections.retention import RETENTION_MS
from projections.state import Report
from schemas.codec import BadRecord
from schemas.event_ids import parse_event_id
from schemas.identifiers import (
    DeviceId,
    FirmwareVersion,
    ImageHash,
    InvalidIdentifier,
    ServiceRequestId,
)
from schemas.topics import DAY_MS, Source

RECORDS: Final = {
    Source.DSP: "DspEvent",
    Source.CSP: "CspEvent",
    Source.COMMS_HUB: "CommsHubEvent",
    Source.SSMI: "SsmiEvent",
}
"""The record each source publishes."""

SERVICE_REFERENCE_VARIANTS: Final = ("11.1", "11.4")
FUTURE_TOLERANCE_MS: Final = 3_600_000
"""An event may be this far ahead of its received time (rule 7)."""
BROKEN_CLOCK_MS: Final = 400 * DAY_MS
"""An event that claims to be older than this when it is received has a clock that was never set."""
DETAIL_LIMIT: Final = 1024
"""Bytes of UTF-8 kept of a detail (rule 6); a longer one is cut, and ends with an ellipsis."""
LONGEST_CODE: Final = 64
"""Characters of a native code, or of a message code."""
RESET_CODE: Final = "RESET"

_CUT: Final = "…".encode()

T = TypeVar("T")

YEAR_2000_MS: Final = 946_684_800_000
YEAR_2101_MS: Final = 4_133_980_800_000


class Place(msgspec.Struct, gc=False, frozen=True):
    """Where and when a record was received, by the broker."""

    partition: int
    offset: int
    received_at: int
    """Milliseconds since 1970 UTC."""


class Reader:
    """Turns decoded records into reports, under one catalogue and one set of eligible devices."""

    def __init__(
        self,
        catalogue: Catalogue,
        device_types: frozenset[str],
        clock_skew_past_ms: int,
        retention_ms: int = RETENTION_MS,
    ) -> None:
        self.catalogue = catalogue
        self.device_types = device_types
        self._clock_skew_past_ms = clock_skew_past_ms
        self._retention_ms = retention_ms

    def report(
        self, source: Source, record: dict[str, Any], place: Place
    ) -> tuple[DeviceId, Report]:
        """The device and the report of a record; :class:`~schemas.codec.BadRecord` if it has
        none."""
        device = _remembered("device_id", DeviceId.parse, record["device_id"])
        event_id = _identifier("event_id", parse_event_id, record["event_id"])
        code = record["code"].strip().upper() if "code" in record else RESET_CODE
        result, message = record.get("result_code"), record.get("message_code")
        if message is not None:
            message = message.strip().upper() or None
        _require_short(code, message or "")
        meaning = self._meaning(source, code, result, message)
        occurred_at = record["occurred_at"]
        if not YEAR_2000_MS <= occurred_at < YEAR_2101_MS:
            raise BadRecord(
                "invalid-occurred-at",
                f"occurred_at is {occurred_at}: send milliseconds since 1970 UTC, in 2000 to 2100.",
            )
        self._check_age(place.received_at - occurred_at)
        return device, Report(
            identity=event_id + _SOURCE_BYTE[source],
            at=self._at(occurred_at, place.received_at),
            status=meaning.status,
            received_at=place.received_at,
            partition=place.partition,
            offset=place.offset,
            occurred_at=occurred_at,
            code=code,
            result=result,
            message=message,
            request_id=_optional("service_request_id", _REQUEST, record),
            version=_optional("firmware_version", _VERSION, record),
            image_hash=_optional("image_hash", _HASH, record),
            device_type=self._device_type(source, record),
            detail=_reset_detail(record) if source is Source.SSMI else _cut(record["detail"]),
            running=_running(record, meaning),
        )

    def _meaning(
        self, source: Source, code: str, result: int | None, message: str | None
    ) -> Meaning:
        try:
            return self.catalogue.meaning(source, code, result, message)
        except UnknownCode as error:
            raise BadRecord(
                "unknown-code", f"{error}: add it to the catalogue, then send the record again."
            ) from error

    def _at(self, occurred_at: int, received_at: int) -> int:
        """Rule 7: a time that cannot be right counts as the received time."""
        if (
            received_at - self._clock_skew_past_ms
            <= occurred_at
            <= received_at + FUTURE_TOLERANCE_MS
        ):
            return occurred_at
        return received_at

    def _check_age(self, age_ms: int) -> None:
        """What was forgotten must not come back with a late copy of an old event (I8)."""
        if self._retention_ms <= age_ms < BROKEN_CLOCK_MS:
            raise BadRecord(
                "expired-event",
                f"It happened {age_ms / DAY_MS:.1f} days before it was received, and is forgotten "
                f"after {self._retention_ms / DAY_MS:g}: if the source's clock was wrong, publish "
                "it as a new event with the right time.",
            )

    def _device_type(self, source: Source, record: dict[str, Any]) -> str | None:
        if (
            source is Source.DSP
            and record["service_reference_variant"] not in SERVICE_REFERENCE_VARIANTS
        ):
            raise BadRecord(
                "invalid-service-reference-variant",
                f"{record['service_reference_variant']!r} is not tracked: send 11.1 or 11.4.",
            )
        found = record.get("device_type")
        if found is None:
            return None
        device_type: str = found.strip().upper()
        if device_type not in self.device_types:
            raise BadRecord(
                "ineligible-device",
                f"Device type {found!r} is not tracked here; tracked are "
                f"{', '.join(sorted(self.device_types))}.",
            )
        return device_type


def _require_short(*codes: str) -> None:
    """Codes are known by their beginnings, and stand in rows and answers whole."""
    for code in codes:
        if len(code) > LONGEST_CODE:
            raise BadRecord(
                "unknown-code",
                f"A code of {len(code)} characters, {code[:20]}…, is none: send at most "
                f"{LONGEST_CODE}.",
            )


_SOURCE_BYTE: Final = {source: bytes([source]) for source in Source}


def check_key(key: bytes | None, device: DeviceId) -> None:
    """The key must be the record's own Device ID in any spelling; :class:`BadRecord` if not."""
    if key is None:
        raise BadRecord("missing-key", "The record has no key: use the Device ID as key.")
    if key == device.encode():
        return
    try:
        same = DeviceId.parse(key.decode()) == device
    except (UnicodeDecodeError, InvalidIdentifier):
        same = False
    if not same:
        raise BadRecord(
            "key-mismatch", f"The key is not {device}: use the record's own Device ID as key."
        )


def _identifier(field: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except InvalidIdentifier as error:
        raise BadRecord(f"invalid-{field.replace('_', '-')}", f"{field}: {error}") from error


def _remembered(field: str, parse: Callable[[str], T], text: str) -> T:
    """The identifier; parsed once of the many events that spell it so."""
    known = _KNOWN[field]
    found: T | None = known.get(text)
    if found is None:
        found = _identifier(field, parse, text)
        if len(text) <= LONGEST_KNOWN:
            if len(known) >= MOST_KNOWN:
                known.clear()
            known[text] = found
    return found


_KNOWN: Final[defaultdict[str, dict[str, Any]]] = defaultdict(dict)
"""Field -> spelling -> identifier."""
MOST_KNOWN: Final = 1 << 16
"""Spellings of a field that are remembered, some 12 MiB: a request may be about 50,000 devices."""
LONGEST_KNOWN: Final = 100
"""Characters of a spelling that is remembered: blanks around an identifier may be without end."""


def _optional(field: str, parse: Callable[[str], str], record: dict[str, Any]) -> str | None:
    """The identifier as the plain ``str`` that rows store, or none."""
    text = record.get(field)
    return None if text is None else _remembered(field, parse, text)


def _plain(parse: Callable[[str], str]) -> Callable[[str], str]:
    def as_text(text: str) -> str:
        return str(parse(text))

    return as_text


_REQUEST: Final = _plain(ServiceRequestId.parse)
_VERSION: Final = _plain(FirmwareVersion.parse)
_HASH: Final = _plain(ImageHash.parse)


def _running(record: dict[str, Any], meaning: Meaning) -> str | None:
    """The version that runs; a reply to 11.2 is about nothing else."""
    running = _optional("running_version", _VERSION, record)
    if meaning.proof and running is None:
        raise BadRecord(
            "invalid-running-version", "A reply to 11.2 shows the version that runs: send it."
        )
    return running


def _reset_detail(record: dict[str, Any]) -> str | None:
    """Operator, reason and incident of a Reset are mandatory."""
    for field in ("operator", "reason", "incident_reference"):
        if not record[field].strip():
            raise BadRecord(f"empty-{field.replace('_', '-')}", f"{field} is empty: give it.")
    if record["seen_event_id"] is not None:
        _identifier("seen_event_id", parse_event_id, record["seen_event_id"])
    return _cut(
        f"{record['reason'].strip()} (incident {record['incident_reference'].strip()}, "
        f"by {record['operator'].strip()})"
    )


def _cut(detail: str | None) -> str | None:
    data = b"" if detail is None else detail.encode()
    if len(data) <= DETAIL_LIMIT:
        return detail
    return data[: DETAIL_LIMIT - len(_CUT)].decode(errors="ignore") + _CUT.decode()
