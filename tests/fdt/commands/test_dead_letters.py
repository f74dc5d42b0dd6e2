"""Dead letters on a real broker: listed, shown, sent again after a fix, dropped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fdt.errors import UserError
from fdt.kafka.dead_letters import Wanted, letters
from projections import catalogue
from projections.rows import decode_row
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import CSP_EVENTS, DEAD_LETTERS, DSP_EVENTS
from sources.wire import Wire
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import send
from tests.support.processes import worker
from tests.support.topics import grow, set_config, table, wait_until_read

HOME = partition_of(DEVICE, 4)
CODEC = Codec()


def test_a_letter_sent_again_after_a_fix_folds_as_if_it_had_come_in_time(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Known by its reason, sent again when the catalogue knows the code; the other is dropped."""
    early = on(dsp_event(code="Q7", detail="came first"))
    foreign = on(dsp_event(device_type="CHF"))
    send([early, foreign, on(dsp_event())], fresh_topics)
    with worker(fresh_topics, tmp_path):
        wait_until_read(fresh_topics, 3)
    first, second = letters(fresh_topics, Wanted())
    assert (first.reason, first.original_offset) == ("unknown-code", 0)
    assert (second.reason, second.original_offset) == ("ineligible-device", 1)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    assert count(fresh_topics, topic=DSP_EVENTS) == count(fresh_topics, since=day) == 2
    assert count(fresh_topics, topic=CSP_EVENTS) == count(fresh_topics, until=day) == 0
    with pytest.raises(UserError, match=r"There is no dead letter 3:99"):
        letters(fresh_topics, Wanted(names=frozenset({"3:99"})))
    told = json.loads(fdt(fresh_topics, "show", first.name))
    assert told["record"]["detail"] == "came first"
    assert told["headers"] == [{"name": "trace", "value": "kept", "value_base64": "a2VwdA=="}]

    assert "1 dead letters were sent again" in fdt(
        fresh_topics, "resend", "--reason", "unknown-code"
    )
    assert "1 dead letters were dropped" in fdt(fresh_topics, "drop", second.name)
    assert letters(fresh_topics, Wanted()) == []
    settled = letters(fresh_topics, Wanted(settled_too=True))
    assert [letter.settled for letter in settled] == ["resent", "dropped"]
    assert "resent" in fdt(fresh_topics, "list", "--all")

    with worker(fresh_topics, tmp_path, FDT_CATALOGUE_PATH=str(with_code(tmp_path, "Q7"))):
        wait_until_read(fresh_topics, 4)
    (state,) = table(fresh_topics).rows.values()
    kept = decode_row(state).items[0].records.kept
    again, other = sorted(kept, key=lambda report: report.offset)
    assert (again.code, again.detail) == ("Q7", "came first")
    assert (again.offset, again.received_at) == (0, first.received_at)
    assert other.offset == 2


def test_a_letter_that_is_refused_again_names_its_first_place(
    fresh_topics: str, tmp_path: Path
) -> None:
    """However often it goes round, with its bytes and headers as they were published."""
    send([on(dsp_event()), on(dsp_event(code="Q7"))], fresh_topics)
    with worker(fresh_topics, tmp_path):
        wait_until_read(fresh_topics, 2)
        (first,) = letters(fresh_topics, Wanted())
        fdt(fresh_topics, "resend", "--all")
        wait_until_read(fresh_topics, 3)
    (again,) = letters(fresh_topics, Wanted())
    assert again.name != first.name
    for field in ("key", "value", "original_headers", "topic", "original_offset", "received_at"):
        assert getattr(again, field) == getattr(first, field)


def test_a_letter_that_the_broker_does_not_take_again_stays_open(
    fresh_topics: str, tmp_path: Path
) -> None:
    """It is settled only when the broker has it; and it goes by the partitions that the rows stand
    by, whatever number the dead letters have."""
    astray = next(
        device
        for device in (f"00-DB-12-34-56-78-90-{n:02X}" for n in range(256))
        if partition_of(device, 8) >= 4
    )
    value = CODEC.encode("DspEvent", dsp_event(device_id=astray, code="Q7"))
    wire = Wire(DSP_EVENTS, partition_of(astray, 4), astray.encode(), value, [])
    send([wire], fresh_topics)
    with worker(fresh_topics, tmp_path):
        wait_until_read(fresh_topics, 1)
        grow(fresh_topics, DEAD_LETTERS, 8)
        set_config(fresh_topics, DSP_EVENTS, "max.message.bytes", "60")
        refused = run(fresh_topics, "resend", "--all")
        assert (refused.returncode, "refused 1 records" in refused.stderr) == (1, True)
        assert count(fresh_topics) == 1
        set_config(fresh_topics, DSP_EVENTS, "max.message.bytes", "1048588")
        assert "1 dead letters were sent again" in fdt(fresh_topics, "resend", "--all")
        wait_until_read(fresh_topics, 2)
    (again,) = letters(fresh_topics, Wanted())
    assert (again.reason, again.partition) == ("unknown-code", partition_of(astray, 4))


def count(bootstrap: str, **asked: Any) -> int:
    """How many letters are wanted."""
    return len(letters(bootstrap, Wanted(**asked)))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("resend",), "Say which letters to resend"),
        (("drop",), "Say which letters to drop"),
        (("list", "--topic", "mine"), "--topic is one of firmware.dsp.v1"),
        (("list", "--since", "yesterday"), "--since is a time such as 2026-11-23T06:00:00Z"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], told: str) -> None:
    """Nothing is sent or dropped by accident."""
    ended = run("127.0.0.1:1", *arguments)
    assert ended.returncode == 2
    assert told in ended.stderr


def on(event: dict[str, object]) -> Wire:
    """A DSP event in the device's partition."""
    value = CODEC.encode("DspEvent", event)
    return Wire(DSP_EVENTS, HOME, DEVICE.encode(), value, [("trace", b"kept")])


def with_code(folder: Path, code: str) -> Path:
    """The project's catalogue, which also knows a code."""
    text = (Path(catalogue.__file__).parent / "catalogue.toml").read_text(encoding="utf-8")
    changed = folder / "catalogue.toml"
    changed.write_text(text.replace('code = "I0"', f'code = "{code}"', 1), encoding="utf-8")
    return changed


def run(bootstrap: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``fdt dead-letters`` as a command."""
    return subprocess.run(
        [sys.executable, "-m", "fdt", "dead-letters", *arguments],
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": bootstrap},
        capture_output=True,
        text=True,
        timeout=60,
    )


def fdt(bootstrap: str, *arguments: str) -> str:
    """What it printed."""
    ended = run(bootstrap, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
