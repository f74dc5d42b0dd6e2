"""Bad input on a real broker: refused with its reason, its bytes and its place; nothing is held
up."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import COMMS_HUB_EVENTS, CSP_EVENTS, DEAD_LETTERS, DSP_EVENTS
from sources.wire import Wire
from tests.support.events import DEVICE, REQUEST, dsp_event
from tests.support.plans import send
from tests.support.processes import worker
from tests.support.topics import committed, headers_of, wait_until_read

PARTITIONS = 4
HOME = partition_of(DEVICE, PARTITIONS)
CODEC = Codec()
NOISE = random.Random(1).randbytes(1_000_000)


def dsp(**changes: Any) -> bytes:
    """The DSP's acceptance of the device, with some fields changed."""
    return CODEC.encode("DspEvent", dsp_event(**changes))


def on(topic: str, value: bytes | None, key: bytes | None = DEVICE.encode()) -> Wire:
    """A record in the device's partition."""
    return Wire(topic, HOME, key, value, [("trace", b"kept")])


BAD: dict[str, Callable[[], tuple[Wire, str]]] = {
    "wrong magic byte": lambda: (on(DSP_EVENTS, b"\x01" + dsp()[1:]), "bad-framing"),
    "unknown schema id": lambda: (
        on(DSP_EVENTS, b"\x00\x00\x0f\x42\x40" + dsp()[5:]),
        "unknown-schema",
    ),
    "truncated Avro": lambda: (on(DSP_EVENTS, dsp()[:-9]), "bad-avro"),
    "trailing bytes": lambda: (on(DSP_EVENTS, dsp() + b"!"), "trailing-bytes"),
    "null key": lambda: (on(DSP_EVENTS, dsp(), None), "missing-key"),
    "null value": lambda: (on(DSP_EVENTS, None), "null-value"),
    "another device's key": lambda: (
        on(DSP_EVENTS, dsp(), b"00-DB-12-34-56-78-90-A1"),
        "key-mismatch",
    ),
    "malformed Device ID": lambda: (on(DSP_EVENTS, dsp(device_id="meter 7")), "invalid-device-id"),
    "malformed request ID": lambda: (
        on(DSP_EVENTS, dsp(service_request_id=REQUEST + "x")),
        "invalid-service-request-id",
    ),
    "malformed event ID": lambda: (on(DSP_EVENTS, dsp(event_id="7")), "invalid-event-id"),
    "malformed version": lambda: (
        on(DSP_EVENTS, dsp(firmware_version="1.2.3")),
        "invalid-firmware-version",
    ),
    "malformed hash": lambda: (on(DSP_EVENTS, dsp(image_hash="AB")), "invalid-image-hash"),
    "a time before 2000": lambda: (on(DSP_EVENTS, dsp(occurred_at=1)), "invalid-occurred-at"),
    "an unknown service reference variant": lambda: (
        on(DSP_EVENTS, dsp(service_reference_variant="8.2")),
        "invalid-service-reference-variant",
    ),
    "an unknown code": lambda: (on(DSP_EVENTS, dsp(code="Q7")), "unknown-code"),
    "a status the source may not set": lambda: (on(DSP_EVENTS, dsp(code="8F8A")), "unknown-code"),
    "another source's record": lambda: (on(CSP_EVENTS, dsp()), "wrong-record"),
    "an ineligible device type": lambda: (
        on(DSP_EVENTS, dsp(device_type="CHF")),
        "ineligible-device",
    ),
    "another partition": lambda: (
        Wire(DSP_EVENTS, (HOME + 1) % PARTITIONS, DEVICE.encode(), dsp(), []),
        "wrong-partition",
    ),
    "noise of one megabyte": lambda: (on(COMMS_HUB_EVENTS, NOISE), "bad-framing"),
    "noise of one megabyte in a frame": lambda: (
        on(DSP_EVENTS, b"\x00\x00\x00\x00\x01" + NOISE),
        "bad-avro",
    ),
}


def test_bad_records_are_kept_whole_and_the_partition_goes_on(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Each among good records, one worker: every byte, place and reason is in the dead letters."""
    bad = [make() for make in BAD.values()]
    records = [on(DSP_EVENTS, dsp())]
    for wire, _ in bad:
        records += [wire, on(DSP_EVENTS, dsp())]
    send(records, fresh_topics)
    with worker(fresh_topics, tmp_path):
        found = wait_until_read(fresh_topics, len(records))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 6066), timeout=1).close()
    assert found.counts == {
        "read": len(records),
        "folded": len(records) - len(bad),
        "dead_lettered": len(bad),
    }
    (view,) = found.views().values()
    assert len(view.items[0].timeline) == len(bad) + 1
    held = {}
    for letter in committed(fresh_topics, DEAD_LETTERS):
        headers = headers_of(letter)
        place = (headers["dl_topic"].decode(), int(headers["dl_partition"]))
        held[place, int(headers["dl_offset"])] = (letter.key(), letter.value(), headers)
    for topic in (DSP_EVENTS, CSP_EVENTS, COMMS_HUB_EVENTS):
        for message in committed(fresh_topics, topic):
            stood = ((topic, message.partition() or 0), message.offset() or 0)
            if stood in held:
                key, value, headers = held.pop(stood)
                assert (key, value) == (message.key(), message.value())
                assert headers["dl_timestamp"] == str(message.timestamp()[1]).encode()
                assert headers["dl_detail"]
                expected = next(r for w, r in bad if (w.key, w.value) == (key, value))
                assert headers["dl_reason"].decode() == expected
                assert headers_of(message).items() <= headers.items()
    assert not held
