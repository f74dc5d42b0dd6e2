"""``fdt contract check``: samples in files, judged without a broker; every field of its lines."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fdt.cli import run
from fdt.commands.contract.check import JudgementLine
from schemas.codec import Codec
from tests.support.events import DEVICE, REQUEST, dsp_event

AT = 1_795_000_000_000
EVENT = dsp_event(event_id="7f1d6c1e-0d0c-4b1f-9a70-3f3d6a1f2b11", occurred_at=AT)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is there but the samples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)


def checked(
    capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, lines and what people are told."""
    code = run(["contract", "check", *words, "--json"])
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert all(line.keys() == JudgementLine.__dataclass_fields__.keys() for line in lines)
    return code, lines, told.err


def test_wire_bytes_are_told_by_their_schema_id(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A file of bytes needs no words beside it, if it is received about now."""
    (tmp_path / "event.bin").write_bytes(Codec().encode("DspEvent", EVENT))
    code, (line,), told = checked(capsys, "event.bin", "--received-at", "2026-11-18T15:06:40Z")
    assert (code, line["verdict"], line["topic"]) == (0, "folded", "firmware.dsp.v1")
    assert (line["device_id"], line["service_request_id"]) == (DEVICE, REQUEST)
    assert (line["status"], line["item_status"]) == ("Accepted by DSP", "Accepted by DSP")
    assert line["completion"] == "In Progress"
    assert told == "1 samples, 0 refused.\n"


def test_json_is_one_sample_or_a_list_or_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With plain unions or Avro's; the second of one event is a copy."""
    plain = {"record": "DspEvent", "value": EVENT, "received_at": AT}
    avro = {**plain, "value": {**EVENT, "image_hash": {"string": "ab" * 32}}}
    data = base64.b64encode(Codec().encode("DspEvent", EVENT)).decode()
    wire = {"topic": "firmware.dsp.v1", "value_base64": data, "received_at": AT}
    (tmp_path / "one.json").write_text(json.dumps(plain, indent=1))
    (tmp_path / "list.json").write_text(json.dumps([avro, wire]))
    (tmp_path / "lines.json").write_text(f"{json.dumps(plain)}\n\n{json.dumps(wire)}\n")
    code, lines, _ = checked(capsys, "one.json", "list.json", "lines.json")
    assert code == 0
    assert [line["sample"] for line in lines] == [
        "one.json",
        *("list.json#1", "list.json#2"),
        *("lines.json#1", "lines.json#2"),
    ]
    assert [line["verdict"] for line in lines] == ["folded", *["copy"] * 4]


@pytest.mark.parametrize(
    ("changes", "reason", "word"),
    [
        ({"value": {**EVENT, "code": "Z99"}}, "unknown-code", "Z99"),
        ({"key": None}, "missing-key", "Device ID as key"),
        ({"key": "00-DB-12-34-56-78-90-A1"}, "key-mismatch", DEVICE),
        ({"partition": 3}, "wrong-partition", "murmur2"),
        ({"value": None}, "null-value", "Avro event"),
        ({"value": {**EVENT, "colour": "red"}}, "not-encodable", "no field colour"),
        ({"value": {**EVENT, "occurred_at": "now"}}, "not-encodable", "occurred_at is 'now'"),
        ({"headers": {"resent_topic": "x"}}, "invalid-resent-headers", "resend"),
        ({"received_at": AT + 40 * 86_400_000}, "expired-event", "40.0 days"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_has_the_reason_of_the_dead_letter(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    changes: dict[str, Any],
    reason: str,
    word: str,
) -> None:
    """And the command ends with 1."""
    sample = {"record": "DspEvent", "value": EVENT, "received_at": AT, **changes}
    (tmp_path / "one.json").write_text(json.dumps(sample))
    code, (line,), told = checked(capsys, "one.json")
    assert (code, line["verdict"], line["reason"]) == (1, "refused", reason)
    assert word in line["detail"]
    assert "1 samples, 1 refused." in told


def test_bytes_that_are_no_record_are_refused_on_whatever_topic(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No framing, an unknown schema id, a record that no source publishes."""
    (tmp_path / "a.bin").write_bytes(b"\x08plain Avro")
    (tmp_path / "b.bin").write_bytes(b"\x00\x00\x00\x30\x39rest")
    (tmp_path / "c.bin").write_bytes(b"\x00\x00\x00\x00\x08rest")
    code, lines, _ = checked(capsys, "a.bin", "b.bin", "c.bin")
    assert code == 1
    assert [line["reason"] for line in lines] == ["bad-framing", "unknown-schema", "wrong-record"]
    assert [line["topic"] for line in lines] == [None] * 3


def test_people_see_a_line_for_each_sample(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With the reason in place of the verdict, and what to do."""
    sample = {"record": "DspEvent", "value": {**EVENT, "device_type": "IHD"}, "received_at": AT}
    (tmp_path / "one.json").write_text(json.dumps(sample))
    assert run(["contract", "check", "one.json"]) == 1
    told = capsys.readouterr()
    assert "ineligible-device" in told.out
    assert "tracked are ESME" in told.out
    assert "docs/dead-letters.md" in told.err


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[1]", "no JSON object"),
        ("{not JSON", "no JSON"),
        ('{"record": "Event", "value": {}}', "DspEvent"),
        ('{"topic": "firmware.audit.v1", "value": {}}', "firmware.dsp.v1"),
        ('{"value": {}}', "its record"),
        ('{"record": "DspEvent"}', "either value"),
        ('{"record": "DspEvent", "valeu": {}}', "valeu"),
        ('{"record": "DspEvent", "value_base64": "!"}', "base64"),
        ('{"record": "DspEvent", "value": {}, "partition": "1"}', "partition"),
    ],
)
def test_what_is_no_sample_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, word: str
) -> None:
    """Exit code 2: nothing was judged."""
    (tmp_path / "one.json").write_text(text)
    assert run(["contract", "check", "one.json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert word in told.err


@pytest.mark.parametrize(
    "words", [("gone.json",), ("x", "--topic=firmware.audit.v1"), ("x", "--received-at=soon")]
)
def test_a_wrong_call_says_what_would_do(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """A file that is not there, a topic that no source writes, a time that is none."""
    assert run(["contract", "check", *words]) == 2
    assert capsys.readouterr().err.startswith("fdt: ")
