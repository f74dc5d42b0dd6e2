"""Records that must become dead letters, one variety for each kind of publisher's error.

Each concerns a device of the plan and would change its status if it were folded, for example a
false activation or a Reset without operator: a tracker that accepts one differs from the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal
from uuid import UUID

from schemas.topics import Source
from sources.planning import vocabulary as v
from sources.planning.events import RECORDS, Damage, Malformed
from sources.planning.script import PlannedDevice, PlannedRequest

_JUST_NOW_MS: Final = 30_000

Key = Literal["own", "none", "hub's", "nonsense"]


@dataclass(frozen=True, slots=True)
class Variety:
    """One kind of malformed record: a valid record of ``source`` with one fault."""

    reason: str
    source: Source
    fields: dict[str, Any] = field(default_factory=dict)
    damage: Damage = "none"
    key: Key = "own"
    astray: bool = False
    record_of: Source | None = None
    occurred_at: int | None = None


_DSP, _CSP, _HUB, _SSMI = Source.DSP, Source.CSP, Source.COMMS_HUB, Source.SSMI
_SUPPLIER, _DCC = v.SUPPLIERS[0], v.DCC
_YEAR_1970_MS: Final = 86_400_000
_YEAR_2150_MS: Final = 5_680_281_600_000

VARIETIES: Final[Sequence[Variety]] = (
    Variety("null-value", _HUB, damage="null"),
    Variety("null-value", _SSMI, damage="null"),
    Variety("bad-framing", _CSP, damage="unframed"),
    Variety("unknown-schema", _DSP, damage="unknown-id"),
    Variety("wrong-record", _CSP, record_of=_DSP),
    Variety("wrong-record", _HUB, record_of=_CSP),
    Variety("wrong-record", _CSP, record_of=_SSMI),
    Variety("bad-avro", _HUB, damage="truncated"),
    Variety("bad-avro", _DSP, damage="truncated"),
    Variety("trailing-bytes", _HUB, damage="trailing"),
    Variety("trailing-bytes", _SSMI, damage="trailing"),
    Variety("missing-key", _HUB, key="none"),
    Variety("key-mismatch", _CSP, key="hub's"),
    Variety("key-mismatch", _HUB, key="nonsense"),
    Variety("wrong-partition", _HUB, astray=True),
    Variety("wrong-partition", _SSMI, astray=True),
    Variety("invalid-event-id", _HUB, {"event_id": "evt-000017"}),
    Variety("invalid-device-id", _HUB, {"device_id": "00-DB-12-34-56-78-90"}),
    Variety("invalid-device-id", _DSP, {"device_id": "00:DB:12:34:56:78:90:A0"}),
    Variety("invalid-service-request-id", _DSP, {"service_request_id": f"{_SUPPLIER}:{_DCC}:0"}),
    Variety("invalid-service-request-id", _CSP, {"service_request_id": f"{_SUPPLIER}:{_DCC}"}),
    Variety(
        "invalid-service-request-id", _HUB, {"service_request_id": f"{_SUPPLIER}:{_DCC}:{1 << 64}"}
    ),
    Variety("invalid-firmware-version", _DSP, {"firmware_version": "1.4.27"}),
    Variety("invalid-firmware-version", _CSP, {"firmware_version": "0002012"}),
    Variety("invalid-running-version", _HUB, {"running_version": "0x00020130"}),
    Variety(
        "invalid-running-version",
        _HUB,
        {"code": "ECS52", "result_code": None, "running_version": "00020130A"},
    ),
    Variety("invalid-image-hash", _DSP, {"image_hash": "AA75"}),
    Variety("invalid-image-hash", _HUB, {"image_hash": "not a hash", "service_request_id": None}),
    Variety("invalid-occurred-at", _HUB, occurred_at=_YEAR_1970_MS),
    Variety("invalid-occurred-at", _CSP, occurred_at=_YEAR_2150_MS),
    Variety("invalid-service-reference-variant", _DSP, {"service_reference_variant": "11.9"}),
    Variety("empty-operator", _SSMI, {"operator": ""}),
    Variety("empty-reason", _SSMI, {"reason": ""}),
    Variety("empty-incident-reference", _SSMI, {"incident_reference": ""}),
    Variety("invalid-seen-event-id", _SSMI, {"seen_event_id": "the one on the screen"}),
    Variety("unknown-code", _DSP, {"code": "Z99"}),
    Variety("unknown-code", _CSP, {"code": "8F8A"}),
    Variety("unknown-code", _HUB, {"code": "APPROVED", "result_code": None}),
    Variety("unknown-code", _HUB, {"code": "8F8A", "result_code": 2}),
    Variety("unknown-code", _HUB, {"code": "8F66", "result_code": 1, "message_code": "00CA"}),
    Variety("unknown-code", _HUB, {"code": "8F66", "result_code": 0, "message_code": None}),
    Variety("ineligible-device", _DSP, {"device_type": "CHF"}),
    Variety("ineligible-device", _CSP, {"device_type": "GPF"}),
    Variety("ineligible-device", _DSP, {"device_type": "IHD"}),
)
"""The varieties, each of which occurs in every plan."""


def spoil(
    rng: Random,
    variety: Variety,
    device: PlannedDevice,
    request: PlannedRequest,
    publish_ms: int,
) -> Malformed:
    """One malformed record about ``device`` in ``request``, published at ``publish_ms``."""
    key, home = _key(variety.key, device)
    record_of = variety.record_of or variety.source
    fields = {
        "event_id": str(UUID(int=rng.getrandbits(128), version=4)),
        "device_id": device.device_id,
        "service_request_id": request.request_id,
        **_good_fields(record_of, device, request),
        **variety.fields,
    }
    return Malformed(
        malformed_id=str(UUID(int=rng.getrandbits(128), version=4)),
        reason=variety.reason,
        source=variety.source,
        key=key,
        home=home,
        astray=variety.astray,
        record=RECORDS[record_of],
        fields=fields,
        damage=variety.damage,
        occurred_ms=max(0, publish_ms - _JUST_NOW_MS),
        publish_ms=publish_ms,
        occurred_at=variety.occurred_at,
    )


def _key(key: Key, device: PlannedDevice) -> tuple[bytes | None, str]:
    """The key, and the Device ID that decides the partition."""
    if key == "none":
        return None, device.device_id
    if key == "nonsense":
        return b"meter 7", device.device_id
    owner = device.comms_hub_id if key == "hub's" else device.device_id
    return owner.encode(), owner


def _good_fields(source: Source, device: PlannedDevice, request: PlannedRequest) -> dict[str, Any]:
    if source is Source.SSMI:
        return {
            "operator": "s.khan",
            "reason": "Supplier disputes the status",
            "incident_reference": "INC000000000042",
            "seen_event_id": None,
        }
    fields: dict[str, Any] = {"firmware_version": request.firmware_version, "detail": None}
    if source is Source.COMMS_HUB:
        return fields | {
            "running_version": request.firmware_version,
            "image_hash": None,
            "comms_hub_id": device.comms_hub_id,
            "code": "CS06",
            "result_code": 0,
            "message_code": None,
        }
    fields["device_type"] = device.device_type
    if source is Source.CSP:
        return fields | {
            "csp_region": device.csp_region,
            "comms_hub_id": device.comms_hub_id,
            "code": "CH-TRANSFER-FAILED",
        }
    return fields | {
        "service_reference_variant": "11.1",
        "image_hash": request.image_hash,
        "code": "I99",
    }
