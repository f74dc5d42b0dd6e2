"""The cases of the conformance kit: one rule of the fold or one refusal each."""

from __future__ import annotations

from typing import Final

from fdt.contract.case import (
    DAY,
    LATER_HASH,
    LATER_REQUEST,
    LATER_VERSION,
    OTHER_DEVICE,
    REQUEST,
    VERSION,
    Case,
    Event,
    csp,
    dsp,
    hub,
    reset,
    wire,
    wrong,
)
from schemas.topics import Source

_NAMED: Final = {"service_request_id": REQUEST}
_LATER: Final = {
    "service_request_id": LATER_REQUEST,
    "firmware_version": LATER_VERSION,
    "image_hash": LATER_HASH,
}
_WHOLE_WAY: Final = (
    dsp(0),
    csp(5, "APPROVED"),
    csp(10, "N60"),
    hub(15, "8F8A", 0, **_NAMED),
    hub(20, "CS06", 0, **_NAMED),
)

ORDERLY: Final = (
    Case("whole-way", "All five stages in order: Firmware Activated.", _WHOLE_WAY),
    Case(
        "any-order",
        "The same five events, received the other way round: the same answer but for the places.",
        tuple(wrong(one, heard=30 - one.at) for one in reversed(_WHOLE_WAY)),
    ),
    Case("rejected", "The DSP rejects the device.", (dsp(0, "E5"),)),
    Case("not-accepted", "The CSP does not accept it.", (dsp(0), csp(5, "N18"))),
    Case("transfer-failed", "It fails on its way to the hub.", (dsp(0), csp(5, "N61"))),
    Case("not-delivered", "The HAN does not deliver it.", (dsp(0), hub(5, "8F89", 3, **_NAMED))),
    Case("not-activated", "The device refuses to activate.", (dsp(0), hub(5, "CS06", 3, **_NAMED))),
    Case(
        "later-stage-after-rejection",
        "Stage 2 after Rejected by DSP applies: the furthest stage wins.",
        (dsp(0, "E5"), csp(5, "APPROVED")),
    ),
    Case(
        "accepted-activation-later",
        "CS06 without a result: a future-dated activation was accepted. No status of its own.",
        (dsp(0), hub(5, "8F8A", 0, **_NAMED), hub(6, "CS06", None, **_NAMED)),
    ),
)

CONTESTED: Final = (
    Case(
        "late",
        "An earlier stage that happened after the status: it stands there, marked late.",
        (dsp(0), csp(10, "N60"), csp(20, "APPROVED")),
    ),
    Case(
        "superseded",
        "Failed, then done again within a stage: the later one counts, the first is superseded.",
        (dsp(0), csp(10, "N61"), csp(20, "N60")),
    ),
    Case(
        "same-moment",
        "Failure and success of one stage at one moment: the success counts.",
        (dsp(0), csp(10, "N61"), csp(10, "N60")),
    ),
    Case(
        "repeats",
        "Repeats of a status do not move its time; the first of the run is the evidence.",
        (dsp(0), csp(10, "N60"), csp(20, "N60"), csp(30, "N60")),
    ),
    Case(
        "broken-run",
        "A status that was left and came back holds since it came back.",
        (dsp(0), csp(10, "N60"), csp(20, "N61"), csp(30, "N60")),
    ),
    Case(
        "activated-is-final",
        "A failure after Firmware Activated does not undo it.",
        (*_WHOLE_WAY, hub(30, "CS06", 3, **_NAMED)),
    ),
    Case(
        "reset",
        "Reset by DCC overrides all; what comes after it is marked after-reset.",
        (dsp(0), csp(5, "APPROVED"), reset(10), csp(15, "N60")),
    ),
    Case(
        "reset-undoes-an-activation",
        "Only a Reset does.",
        (*_WHOLE_WAY, reset(30)),
    ),
    Case(
        "reset-waits",
        "A Reset of an item that is not there applies when the item opens.",
        (reset(0), dsp(5)),
    ),
)

COPIES: Final = (
    Case(
        "copy",
        "The same event_id on the same topic is one event, and a copy is counted.",
        (dsp(0, number=1), dsp(0, number=1, heard=7), csp(5, "APPROVED", number=2)),
    ),
    Case(
        "contradictory-copies",
        "Of copies that differ the one that was received first counts.",
        (dsp(0, "E5", number=1, heard=9), dsp(0, "I99", number=1, heard=1)),
    ),
    Case(
        "same-id-on-two-topics",
        "Identity is topic and event_id: two events.",
        (dsp(0, number=1), csp(5, "APPROVED", number=1)),
    ),
)

WITHOUT_REQUEST: Final = (
    Case(
        "by-version",
        "A report without a request belongs to the newest item of its target version.",
        (dsp(0), dsp(5, **_LATER), hub(10, "8F8A", 0, firmware_version=VERSION)),
    ),
    Case(
        "by-image",
        "Without a version, by the image's hash.",
        (dsp(0), dsp(5, **_LATER), hub(10, "8F8A", 0, image_hash=LATER_HASH)),
    ),
    Case(
        "by-neither",
        "With neither, to the newest item.",
        (dsp(0), dsp(5, **_LATER), hub(10, "8F8A", 0)),
    ),
    Case(
        "foreign-request",
        "A request that has no item on the device is as none: replies carry their own.",
        (dsp(0), hub(10, "8F8A", 0, service_request_id=LATER_REQUEST)),
    ),
    Case(
        "waits",
        "What matches nothing waits, unmatched.",
        (dsp(0), hub(10, "8F8A", 0, firmware_version=LATER_VERSION)),
    ),
    Case(
        "before-acceptance",
        "A report that happened more than an hour before the acceptance is not about it.",
        (hub(0, "8F8A", 0), dsp(90)),
        until=120,
    ),
    Case(
        "another-version-runs",
        "An activation that shows another version than the item's is believed of no item.",
        (dsp(0), hub(10, "CS06", 0, running_version=LATER_VERSION, **_NAMED)),
    ),
    Case(
        "proof",
        "A reply to 11.2 proves the activation of the newest item with the version that runs.",
        (dsp(0), hub(10, "GCS38", None, running_version=VERSION)),
    ),
)

CLOCKS: Final = (
    Case(
        "clock-ahead",
        "More than an hour ahead of its receipt: the received time counts, marked clock-skew.",
        (dsp(0), csp(200, "N60", heard=10)),
    ),
    Case(
        "clock-behind",
        "More than two days behind: the same.",
        (dsp(0), csp(-3 * DAY, "N60", heard=10)),
    ),
    Case(
        "clock-never-set",
        "More than 400 days behind: a clock that was never set; it counts as received.",
        (dsp(0), csp(-500 * DAY, "N60", heard=10)),
    ),
    Case(
        "too-old",
        "Between 30 and 400 days behind: refused, or what was forgotten would come back.",
        (dsp(0), csp(-31 * DAY, "N60", heard=10)),
    ),
    Case(
        "forgotten",
        "30 days after the evidence was received nothing is held any more.",
        (dsp(0), csp(5, "N60")),
        until=30 * DAY + 10,
    ),
    Case(
        "not-yet-forgotten",
        "One minute before it is.",
        (dsp(0), csp(5, "N60")),
        until=30 * DAY + 4,
    ),
    Case(
        "gap",
        "After a gap of more than the retention the item ended; a later CSP event opens another.",
        (dsp(0), csp(31 * DAY, "N60", device_type="ESME")),
        until=31 * DAY + 10,
    ),
)

SPELLINGS: Final = (
    Case(
        "spellings",
        "Identifiers are compared trimmed and in upper case, the counter without leading zeros.",
        (
            dsp(0),
            csp(
                5,
                " n60 ",
                device_id=" 00-db-12-34-56-78-90-a0",
                service_request_id=REQUEST.lower().replace(":1000", ":0001000"),
                firmware_version="0002012f",
            ),
        ),
    ),
    Case(
        "type-unknown",
        "An item whose device type no event has told is kept and not shown.",
        (csp(5, "APPROVED"),),
    ),
    Case(
        "two-devices",
        "Devices have nothing to do with each other.",
        (
            dsp(0),
            dsp(1, device_id=OTHER_DEVICE, device_type="GSME"),
            csp(2, "N60"),
        ),
    ),
)


def _refused() -> tuple[Case, ...]:
    """One record each that becomes a dead letter, beside a good one that is not affected."""
    good, bytes_ = dsp(0), wire(dsp(5))
    csp_bytes = wire(csp(5, "N60"))
    spoilt: dict[str, Event] = {
        "null-value": wrong(dsp(5), is_null=True),
        "bad-framing": wrong(dsp(5), raw=bytes_[5:]),
        "unknown-schema": wrong(dsp(5), raw=b"\0\x7f\xff\xff\xf0" + bytes_[5:]),
        "wrong-record": wrong(dsp(5), raw=csp_bytes),
        "bad-avro": wrong(dsp(5), raw=bytes_[: len(bytes_) // 2]),
        "trailing-bytes": wrong(dsp(5), raw=bytes_ + b"\0"),
        "missing-key": csp(5, "N60", key=None),
        "key-mismatch": csp(5, "N60", key=OTHER_DEVICE),
        "wrong-partition": dsp(5, device_id=OTHER_DEVICE, astray=1),
        "invalid-device-id": csp(5, "N60", device_id="00:DB:12:34:56:78:90:A0"),
        "invalid-event-id": csp(5, "N60", event_id="evt-17"),
        "invalid-service-request-id": csp(5, "N60", service_request_id=REQUEST[:-4] + "0"),
        "invalid-firmware-version": csp(5, "N60", firmware_version="1.4.27"),
        "invalid-running-version": hub(5, "GCS38"),
        "invalid-image-hash": dsp(5, image_hash="AA75"),
        "invalid-occurred-at": csp(5, "N60", occurred_at=86_400_000),
        "invalid-service-reference-variant": dsp(5, service_reference_variant="11.9"),
        "invalid-resent-headers": csp(5, "N60", headers={"resent_topic": Source.CSP.topic}),
        "empty-operator": reset(5, operator=" "),
        "empty-reason": reset(5, reason=""),
        "empty-incident-reference": reset(5, incident_reference=""),
        "invalid-seen-event-id": reset(5, seen_event_id="the one on the screen"),
        "unknown-code": hub(5, "8F8A", 2, **_NAMED),
        "ineligible-device": dsp(5, device_type="CHF"),
    }
    return tuple(
        Case(f"refused-{reason}", f"A dead letter with the reason {reason}.", (good, event))
        for reason, event in spoilt.items()
    )


CASES: Final = (
    *ORDERLY,
    *CONTESTED,
    *COPIES,
    *WITHOUT_REQUEST,
    *CLOCKS,
    *SPELLINGS,
    *_refused(),
)
