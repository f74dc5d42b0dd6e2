"""The wire codec against whatever a publisher may send."""

from __future__ import annotations

import io
from contextlib import suppress
from copy import deepcopy
from typing import Any

import fastavro
import pytest
from aiokafka.partitioner import murmur2 as reference_murmur2
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import BadRecord, Codec
from schemas.partitioning import murmur2, partition_of
from schemas.registry import FileRegistry, UnknownSchemaId, current_schemas
from schemas.topics import TOPICS
from tests.support.events import dsp_event

EVENT = dsp_event(occurred_at=1_795_000_000_123)


class NewerRegistry(FileRegistry):
    """A registry in which one publisher already writes a newer schema, under id 99."""

    def schema_of(self, schema_id: int, record: str | None = None) -> dict[str, Any]:
        """As the files, and 99."""
        if schema_id != 99:
            return super().schema_of(schema_id, record)
        newer = deepcopy(current_schemas()["DspEvent"][1])
        newer["fields"].insert(0, {"name": "campaign", "type": "string", "default": ""})
        return newer


def reason(data: bytes | None, record: str = "DspEvent") -> str:
    """Reason code of the refusal."""
    with pytest.raises(BadRecord) as refused:
        Codec().decode(record, data)
    return refused.value.reason


def test_what_is_encoded_comes_back() -> None:
    """Times stay integers in milliseconds."""
    codec = Codec()
    assert codec.decode("DspEvent", codec.encode("DspEvent", EVENT)) == EVENT


def test_the_body_is_what_any_avro_library_writes() -> None:
    """Framing, then the plain Avro body of the published schema, logical types and all."""
    subject, schema = current_schemas()["DspEvent"]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), EVENT)
    assert Codec().encode("DspEvent", EVENT) == b"\x00\x00\x00\x00\x01" + out.getvalue()
    assert subject == "firmware.dsp.v1-value"


def test_each_kind_of_damage_has_its_own_reason() -> None:
    """A dead letter says which."""
    good = Codec().encode("DspEvent", EVENT)
    assert reason(None) == "null-value"
    assert reason(b"") == "bad-framing"
    assert reason(b"{}") == "bad-framing"
    assert reason(b"\x01" + good[1:]) == "bad-framing"
    assert reason(b"\x00\x7f\xff\xff\xff" + good[5:]) == "unknown-schema"
    assert reason(good[:-3]) == "bad-avro"
    assert reason(good + b"\x00") == "trailing-bytes"
    assert reason(good, "CspEvent") == "wrong-record"


@given(st.binary(max_size=300))
def test_noise_is_refused_and_never_an_accident(noise: bytes) -> None:
    """Whatever the bytes, the answer is a record or a refusal with a reason."""
    codec = Codec()
    for data in (noise, b"\x00\x00\x00\x00\x01" + noise):
        with suppress(BadRecord):
            codec.decode("DspEvent", data)


def test_a_megabyte_of_noise_is_refused() -> None:
    """A length that the bytes cannot hold is no reason to allocate it."""
    assert reason(b"\x00\x00\x00\x00\x01" + b"\xff" * 1_000_000) == "bad-avro"


def test_a_newer_writer_is_understood() -> None:
    """Fields that a publisher added are left out on reading."""
    newer = NewerRegistry().schema_of(99)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(newer), {**EVENT, "campaign": "spring"})
    assert (
        Codec(NewerRegistry()).decode("DspEvent", b"\x00\x00\x00\x00\x63" + out.getvalue()) == EVENT
    )


@pytest.mark.parametrize("field", EVENT)
def test_one_field_is_what_it_is_among_all(field: str) -> None:
    """Of this writer and of a newer one."""
    codec, newer = Codec(NewerRegistry()), NewerRegistry().schema_of(99)
    out = io.BytesIO(b"\x00\x00\x00\x00\x63")
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, fastavro.parse_schema(newer), {**EVENT, "campaign": "spring"})
    for data in (codec.encode("DspEvent", EVENT), out.getvalue()):
        assert codec.decode_field("DspEvent", field, data) == EVENT[field]


@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from(sorted(EVENT)))
def test_one_field_is_refused_where_all_are(noise: bytes, kept: int, field: str) -> None:
    """Bytes that only the fields passed over give offence by are refused too, if they cannot be
    passed over; those of one record follow no other."""
    data = Codec().encode("DspEvent", EVENT)[:kept] + noise
    try:
        whole = Codec().decode("DspEvent", data)
    except BadRecord as error:
        if error.reason != "bad-avro":  # a text that is no UTF-8 is passed over unread
            with pytest.raises(BadRecord, match=error.reason):
                Codec().decode_field("DspEvent", field, data)
    else:
        assert Codec().decode_field("DspEvent", field, data) == whole[field]


def test_the_files_know_only_their_own_ids() -> None:
    """Every record of a topic has an id; another id is unknown."""
    registry = FileRegistry()
    for topic in TOPICS:
        assert registry.schema_of(registry.id_of(topic.record))["name"] == topic.record
    with pytest.raises(UnknownSchemaId):
        registry.schema_of(12345)


@given(st.binary(max_size=40))
def test_keys_hash_as_in_the_java_client(key: bytes) -> None:
    """murmur2 with the Java client's seed."""
    assert murmur2(key) == reference_murmur2(key) & 0xFFFFFFFF


def test_the_hash_has_the_values_of_the_java_client() -> None:
    """Known answers of Apache Kafka's own tests, as unsigned numbers."""
    answers = {b"21": -973932308, b"foobar": -790332482, b"abc": 479470107}
    assert {key: murmur2(key) for key in answers} == {
        key: answer & 0xFFFFFFFF for key, answer in answers.items()
    }
    assert {partition_of(f"00-DB-12-34-56-78-90-{n:02X}", 4) for n in range(20)} == {0, 1, 2, 3}
