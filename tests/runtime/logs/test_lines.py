"""The lines of a log: UTC, one form for everybody, and nothing that a terminal would obey."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from processor.partition.status_log import LogFailed
from runtime.logs.fields import FIELDS, about
from runtime.logs.lines import formatter
from runtime.logs.log_settings import LogSettings
from runtime.logs.pseudonyms import Pseudonyms

DEVICE = "00-DB-12-34-56-78-90-A0"
REQUEST = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"
FOR_PEOPLE = LogSettings()
AS_JSON = LogSettings(log_format="json")


def record(text: str, *words: object, **extra: Any) -> logging.LogRecord:
    """What somebody said at a known time."""
    logger = logging.getLogger("fdt")
    found = logger.makeRecord("fdt", logging.WARNING, "", 0, text, words, None, extra=extra)
    found.created, found.msecs = 1_790_000_000.123, 123.0
    return found


def failing(error: BaseException) -> logging.LogRecord:
    """The same with an exception that was raised."""
    found = record("it failed: %s", error)
    try:
        raise error
    except BaseException as raised:
        found.exc_info = (type(raised), raised, raised.__traceback__)
    return found


def event(settings: LogSettings, found: logging.LogRecord) -> dict[str, Any]:
    """The object of a line."""
    line = formatter(settings).format(found)
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    return told


def test_times_are_utc_wherever_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the Z that says so: the log stands beside the broker's times."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        said = formatter(FOR_PEOPLE).format(record("ready"))
        assert said == "2026-09-21T14:13:20.123Z WARNING ready"
        assert event(AS_JSON, record("ready"))["timestamp"] == "2026-09-21T14:13:20.123Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_others_wrote_moves_no_cursor() -> None:
    """Lines of a traceback stay; a control sequence of a publisher does not."""
    text = "a key \x1b[2J\r\x9b31m\n\tat a line"
    said = formatter(FOR_PEOPLE).format(record(text))
    assert said.endswith("a key \\x1b[2J\\r\\x9b31m\n\tat a line")
    line = formatter(AS_JSON).format(record(text))
    assert line.isprintable()
    assert json.loads(line)["event"] == text


def test_an_event_is_an_object_with_its_fields() -> None:
    """Words with what they are about, whatever it is."""
    extra = {**about(topic="firmware.dsp.v1", partition=3, offset=7), "odd": Path("x")}
    assert event(AS_JSON, record("at %d", 7, **extra)) == {
        "timestamp": "2026-09-21T14:13:20.123Z",
        "level": "warning",
        "logger": "fdt",
        "event": "at 7",
        "topic": "firmware.dsp.v1",
        "partition": 3,
        "offset": 7,
        "odd": "x",
    }
    assert formatter(FOR_PEOPLE).format(record("at %d", 7, **extra)).endswith("WARNING at 7")


def test_only_a_defect_has_a_traceback() -> None:
    """A person needs none for what a person can mend; it is one field, or lines below."""
    told = event(AS_JSON, failing(ZeroDivisionError("ours")))
    assert told["exception"].startswith("Traceback (most recent call last):\n")
    said = formatter(FOR_PEOPLE).format(failing(ZeroDivisionError("ours")))
    assert said.endswith("\nZeroDivisionError: ours")
    for mendable in (LogFailed("no right"), OSError("no room"), ConnectionError("away")):
        assert "exception" not in event(AS_JSON, failing(mendable))
        assert "\n" not in formatter(FOR_PEOPLE).format(failing(mendable))


def test_a_device_has_one_pseudonym_wherever_it_stands(tmp_path: Path) -> None:
    """In words, fields and tracebacks, in any spelling; the owner's ID in a request's too."""
    file = tmp_path / "key"
    file.write_bytes(b"k" * 32 + b"\n")
    hashed = LogSettings(log_format="json", log_device_ids="hashed", log_key_file=file)
    name = Pseudonyms(b"k" * 32).of(DEVICE)
    found = failing(ValueError(f"of {DEVICE.lower()}"))
    found.msg, found.args, found.key = f"{DEVICE}, {REQUEST}", (), {DEVICE: [DEVICE.encode()]}
    told = event(hashed, found)
    assert told["event"].startswith(f"{name}, eui-")
    assert told["key"] == {name: [f"b'{name}'"]}
    assert f"of {name}" in told["exception"]
    text = formatter(hashed).format(found).upper()
    assert DEVICE not in text
    assert "90-B3-D5" not in text
    told_by_openssl = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "k" * 32],
        input=DEVICE.encode(),
        capture_output=True,
        check=True,
    )
    assert name == "eui-" + told_by_openssl.stdout.decode().split()[-1][:16]


def test_without_a_key_a_pseudonym_ends_with_its_process() -> None:
    """So that no table of all devices can be made beforehand."""
    one, other = Pseudonyms(None), Pseudonyms(None)
    assert one.of(DEVICE) == one.of(DEVICE.lower()) != other.of(DEVICE)


def test_what_is_no_identifier_stays() -> None:
    """Dates, versions and UUIDs; but whatever has an identifier in it does not."""
    text = "2026-11-23T06:00:00Z 11-22-33 5e9a1f6c-6c8b-4a53-9a57-0d3f0f4a4f3b"
    assert Pseudonyms(b"k").within(text) == text
    assert DEVICE not in Pseudonyms(b"k").within(f"key=x{DEVICE}x")


def said_by(script: str) -> list[dict[str, Any]]:
    """The events of a program, on both outputs."""
    head = (
        "import logging, sys, threading, warnings\n"
        "from runtime.logs.program import begin, relayed\n"
        "begin(logging.INFO, stays=True)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", head + script],
        env={**os.environ, "FDT_LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]


def test_a_program_that_stays_says_nothing_in_another_form() -> None:
    """What is printed, warned of, or raised in any thread, is an event of its own."""
    told = said_by(
        "print('one\\ntwo', end=''); print(' three')\n"
        "print('bad', file=sys.stderr)\n"
        "warnings.warn('old')\n"
        "def broken(): raise ZeroDivisionError('in a thread')\n"
        "thread = threading.Thread(target=broken, name='t'); thread.start(); thread.join()\n"
        "class Last:\n    def __del__(self): raise ZeroDivisionError('unheard')\n"
        "Last()\n"
        "raise ZeroDivisionError('at\\nlast')\n"
    )
    assert all({"timestamp", "level", "logger", "event"} <= one.keys() for one in told)
    assert [(one["logger"], one["level"]) for one in told] == [
        ("stdout", "info"),
        ("stdout", "info"),
        ("stderr", "error"),
        ("py.warnings", "warning"),
        ("runtime.logs.fatal", "error"),
        ("runtime.logs.fatal", "error"),
        ("runtime.logs.fatal", "critical"),
    ]
    assert [one["event"] for one in told[:3]] == ["one", "two three", "bad"]
    assert told[4]["exception"].endswith("ZeroDivisionError: in a thread")
    assert told[6]["event"] == "the program ends: ZeroDivisionError: at\nlast"


def test_a_childs_lines_are_passed_on_as_events() -> None:
    """Its own with its name; what is none, such as the last words of native code, is made one."""
    own = {"timestamp": "2026-09-21T14:13:20.123Z", "level": "info", "logger": "a", "event": "b"}
    told = said_by(f"relayed('w', {json.dumps(own)!r}); relayed('w', 'free(): invalid pointer')\n")
    assert told[0] == {**own, "program": "w"}
    assert (
        told[1].items()
        >= {
            "logger": "runtime.logs.child",
            "event": "free(): invalid pointer",
            "program": "w",
        }.items()
    )


def test_an_event_that_cannot_be_written_is_said() -> None:
    """And is no event that cannot be written either."""
    (told,) = said_by("logging.getLogger('x').warning('%d of', 'three')\n")
    assert told["event"].startswith("an event of x could not be written:")


def test_every_field_has_a_meaning() -> None:
    """What the helper takes is what the manual tells."""
    page = Path("docs/how-to/logs.md").read_text(encoding="utf-8")
    assert "\n".join(f"| `{name}` | {told} |" for name, told in FIELDS.items()) in page
    assert about() == {}
    known = about(topic="t", partition=0, offset=0, part="p", reason="r")
    assert known.keys() <= FIELDS.keys()


def test_only_one_place_sets_up_a_log() -> None:
    """A program that did it by itself would log in another form."""
    rooms = ("fdt", "processor", "query_api", "runtime", "sources", "storage", "schemas")
    users = [
        file
        for room in rooms
        for file in Path(room).rglob("*.py")
        if "basicConfig" in file.read_text("utf-8")
    ]
    assert users == [Path("runtime/logs/program.py")]
