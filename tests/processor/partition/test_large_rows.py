"""One device in many requests, with long details: bounded, or refused; never a reason to stop."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from processor.batch import Frame
from processor.partition import folding as module
from processor.partition.folding import Folding
from processor.partition.status_log import KafkaStatusLog, LogFailed, Outgoing
from processor.safety.poison_probe import Record
from projections import cap
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.rows import decode_row, reports_of
from schemas import headers
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.partitioning import partition_of
from schemas.topics import DAY_MS, DEAD_LETTERS, DSP_EVENTS, LARGEST_STATUS, STATUS
from sources.wire import Wire
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import send
from tests.support.processes import worker
from tests.support.topics import dead_letters, set_config, wait_until_read

PARTITIONS: Final = 4
HOME: Final = partition_of(DEVICE, PARTITIONS)
CODEC: Final = Codec()
REQUEST: Final = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:{}"
DETAIL: Final = "The hub could not be reached, and here is all that is known of it. " * 15


def events(requests: int, each: int, detail: str = DETAIL) -> list[dict[str, Any]]:
    """Acceptances of one device, a millisecond apart."""
    began = dsp_event()["occurred_at"] - requests * each
    return [
        dsp_event(
            service_request_id=REQUEST.format(1 + n % requests),
            detail=f"{n}: {detail}",
            occurred_at=began + n,
        )
        for n in range(requests * each)
    ]


def records(told: Sequence[dict[str, Any]]) -> list[Record]:
    """As the log holds them, one after the other."""
    return [
        Record(DEVICE.encode(), CODEC.encode("DspEvent", event), n, event["occurred_at"], ())
        for n, event in enumerate(told)
    ]


def fold(batches: Sequence[Sequence[Record]]) -> tuple[bytes | None, list[Outgoing]]:
    """The device's row after these batches, and the dead letters."""
    reader = Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS)
    partition, row, dead = Folding(HOME, PARTITIONS, reader, CODEC), None, list[Outgoing]()
    for batch in batches:
        done = partition.fold([Frame(DSP_EVENTS, 0, batch)], lambda _: 0, partial(holding, row))
        row = done.rows.get(DEVICE, row)
        dead += [out for out in done.outgoing if out.topic == DEAD_LETTERS]
    return row, dead


def holding(row: bytes | None, devices: Sequence[DeviceId]) -> list[bytes | None]:
    """What is stored of the one device."""
    return [row] * len(devices)


def test_the_first_details_of_a_request_are_whole_and_the_others_begun() -> None:
    """So many of each request, as they were received."""
    row, _ = fold([records(events(2, 60))])
    assert row is not None
    for item in decode_row(row).items:
        lengths = [len(r.detail or "") for r in item.records.kept]
        assert min(lengths[: cap.DETAILS_KEPT]) > 900
        assert set(lengths[cap.DETAILS_KEPT :]) == {cap.SHORT_DETAIL}
        assert (item.records.kept[-1].detail or "").endswith("…")


def test_in_any_order_and_grouping_the_same_details_are_whole() -> None:
    """The bound merges: bytes are the same, replays included."""
    told = records(events(3, 50))
    whole, _ = fold([told])
    for seed in range(20):
        chance = random.Random(seed)
        shuffled = told + chance.sample(told, 40)
        chance.shuffle(shuffled)
        cuts = sorted(chance.sample(range(len(shuffled)), 5))
        batches = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
        assert fold(batches)[0] == whole


def test_what_does_not_fit_into_a_row_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row stays as it was, and every record of it is readable."""
    monkeypatch.setattr(module, "MOST_STATUS_BYTES", 20_000)
    told = records(events(200, 1, "short"))
    row, dead = fold([told[n : n + 10] for n in range(0, len(told), 10)])
    assert row is not None
    held = len(reports_of(decode_row(row)))
    assert 10 < held < len(told)
    assert held + len(dead) == len(told)
    assert {dict(letter.headers or ())[headers.DL_REASON] for letter in dead} == {b"row-full"}


def test_the_most_that_a_row_may_hold_fits_a_message() -> None:
    """With the control record beside it."""
    assert module.MOST_STATUS_BYTES < LARGEST_STATUS


def test_a_record_that_the_broker_never_takes_ends_with_a_sentence(fresh_topics: str) -> None:
    """It was waited for as an outage: aborted and tried again for ever."""
    set_config(fresh_topics, STATUS, "max.message.bytes", "50000")
    log = KafkaStatusLog(fresh_topics, "large", 0)
    log.fence()
    noise = random.Random(1).randbytes(200_000)
    try:
        with pytest.raises(LogFailed, match=rf"of {DEVICE} \(200000 bytes\): .*[Mm]essage"):
            log.append(
                [Outgoing(STATUS, DEVICE.encode(), noise), Outgoing(STATUS, b"k", b"control")]
            )
        larger = random.Random(1).randbytes(LARGEST_STATUS + 1)
        log.fence()
        with pytest.raises(LogFailed, match=f"of {DEVICE} "):
            log.append([Outgoing(STATUS, DEVICE.encode(), larger), Outgoing(STATUS, b"k", b"c")])
    finally:
        log.close()


def test_a_device_with_1200_long_events_and_a_record_of_a_mebibyte_stop_nothing(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Six requests with two hundred events each; a dead letter holds its original whole."""
    noise = random.Random(2).randbytes(1_000_000)
    wires = [
        Wire(DSP_EVENTS, HOME, DEVICE.encode(), CODEC.encode("DspEvent", event), [])
        for event in events(6, 200)
    ]
    wires.append(Wire(DSP_EVENTS, HOME, DEVICE.encode(), noise, [("trace", b"x" * 20_000)]))
    send(wires, fresh_topics)
    with worker(fresh_topics, tmp_path):
        found = wait_until_read(fresh_topics, len(wires))
    assert found.counts == {"read": 1201, "folded": 1200, "dead_lettered": 1}
    assert [letter[headers.DL_REASON] for letter in dead_letters(fresh_topics)] == [b"bad-framing"]
    (state,) = found.rows.values()
    assert len(reports_of(decode_row(state))) == 1200
    assert len(state) < 1_000_000
