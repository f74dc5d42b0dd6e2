"""Reads many Avro records at once into Arrow columns, for :mod:`.event_rows`.

Every field of a batch is read by a few numpy operations over all its records, which costs a tenth
of reading one record after the other. Only bodies of our own current schema are read so. Any other
record, and any that does not read cleanly, goes to :class:`~schemas.codec.Codec`, which decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.codec import HEADER_LENGTH, BadRecord, Codec
from schemas.registry import current_schemas

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_PAD: Final = bytes(64)
"""Padding behind the records: a record that failed reads on here, and gets zeros."""
_LONGEST_VARINT: Final = 9
_LARGEST: Final = 1 << 30
"""Bytes read at once: offsets of Arrow's strings have 31 bits."""
_STRING: Final = "string"
_INTEGERS: Final = ("int", "long")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    kind: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class _Read:
    """One field of all records: start and end of its text, or the number itself."""

    start: Places
    end: Places
    null: Flags


@dataclass(frozen=True, slots=True)
class Decoded:
    """The fields of many records, as many values in each."""

    fields: dict[str, Any]
    """Field -> Arrow array of strings or 64-bit integers; all null where a record was refused."""
    problems: Any
    """Arrow array: why the record was refused, by reason code; null where it was not."""


class ColumnDecoder:
    """Reads the bodies of one kind of record."""

    def __init__(self, codec: Codec, record: str) -> None:
        self._codec = codec
        self._record = record
        self._prefix = codec.prefix(record)
        self._fields = [_field(each) for each in current_schemas()[record][1]["fields"]]

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """The fields of ``values``, in their order."""
        if len(values) > 1 and sum(len(value or b"") for value in values) > _LARGEST:
            half = len(values) // 2
            return _joined(self.decode(values[:half]), self.decode(values[half:]))
        batch = _Batch(values, self._prefix)
        fields = [self._read(batch, field) for field in self._fields]
        failed = ~batch.good | (batch.at != batch.ends)
        try:
            found = batch.columns(self._fields, fields, failed)
        except pa.ArrowInvalid:  # some text is not UTF-8: the codec finds which
            failed = np.ones(len(values), np.bool_)
            found = batch.columns(self._fields, fields, failed)
        return self._mended(values, found, failed)

    def _read(self, batch: _Batch, field: _Field) -> _Read:
        null = batch.branch() if field.nullable else np.zeros(len(batch.at), np.bool_)
        if field.kind == _STRING:
            return _Read(*batch.string(null), null)
        number = batch.integer(null)
        return _Read(number, number, null)

    def _mended(
        self, values: Sequence[bytes | None], found: dict[str, Any], failed: Flags
    ) -> Decoded:
        """The columns, completed by the codec where a record was not read cleanly."""
        rows = np.flatnonzero(failed)
        read: list[dict[str, Any]] = []
        reasons: list[str | None] = []
        for row in rows.tolist():
            try:
                read.append(self._codec.decode(self._record, values[row]))
                reasons.append(None)
            except BadRecord as bad:
                read.append({})
                reasons.append(bad.reason)
        problems = pa.nulls(len(values), pa.string())
        if len(rows):
            mask = pa.array(failed)
            problems = pc.replace_with_mask(problems, mask, pa.array(reasons, pa.string()))
            for name, column in found.items():
                mended = pa.array([fields.get(name) for fields in read], column.type)
                found[name] = pc.replace_with_mask(column, mask, mended)
        return Decoded(found, problems)


class _Batch:
    """The bytes of many records, and how far each is read."""

    def __init__(self, values: Sequence[bytes | None], prefix: bytes) -> None:
        lengths = np.fromiter((len(value or b"") for value in values), np.int64, len(values))
        self.bytes = np.frombuffer(b"".join([*(value or b"" for value in values), _PAD]), np.uint8)
        self.ends: Places = np.cumsum(lengths)
        self.starts: Places = self.ends - lengths
        self.good: Flags = lengths >= HEADER_LENGTH
        for number, byte in enumerate(prefix):
            self.good &= self.bytes[np.where(self.good, self.starts + number, self._beyond)] == byte
        self.at: Places = np.where(self.good, self.starts + HEADER_LENGTH, self._beyond)

    @property
    def _beyond(self) -> int:
        return len(self.bytes) - len(_PAD)

    def branch(self) -> Flags:
        """Which branch of a union with null follows; true where it is null."""
        chosen = self.bytes[self.at]
        self._require(chosen <= 2)
        self._require(chosen != 1)
        self._move(np.ones(len(self.at), np.int64))
        null: Flags = chosen != 2
        return null

    def integer(self, null: Flags) -> Places:
        """The number that follows, and zero where it is null."""
        return self._varint(~null)

    def string(self, null: Flags) -> tuple[Places, Places]:
        """Start and end of the text that follows; of no length where it is null."""
        length = self._varint(~null)
        self._require((length >= 0) & (length <= self.ends - self.at))
        start = self.at.copy()
        self._move(np.where(self.good, length, 0))
        return start, self.at.copy()

    def _varint(self, there: Flags) -> Places:
        """Zigzag numbers in groups of seven bits, where ``there``; elsewhere zero."""
        rows = np.flatnonzero(there & self.good)
        value = np.zeros(len(self.at), np.uint64)
        for shift in range(_LONGEST_VARINT):
            byte = self.bytes[self.at[rows]].astype(np.uint64)
            value[rows] |= (byte & np.uint64(0x7F)) << np.uint64(7 * shift)
            self.at[rows] += 1
            rows = rows[byte >= 0x80]
            if not len(rows):
                break
            self._stop_beyond()
        self._fail(rows)
        self._stop_beyond()
        signed = (value >> np.uint64(1)).astype(np.int64)
        return np.where(value & np.uint64(1), ~signed, signed)

    def _move(self, by: Places) -> None:
        self.at += by
        self._stop_beyond()

    def _require(self, holds: Flags) -> None:
        self._fail(np.flatnonzero(self.good & ~holds))

    def _fail(self, rows: npt.NDArray[np.intp]) -> None:
        self.good[rows] = False
        self.at[rows] = self._beyond

    def _stop_beyond(self) -> None:
        """Fail records that were read past their end, before that leaves the buffer."""
        self._fail(np.flatnonzero(self.at > np.where(self.good, self.ends, self._beyond)))

    def columns(
        self, fields: Sequence[_Field], read: Sequence[_Read], failed: Flags
    ) -> dict[str, Any]:
        """The Arrow arrays of what was read; ``pyarrow.ArrowInvalid`` for a text that is none."""
        strings = [each for field, each in zip(fields, read, strict=True) if field.kind == _STRING]
        texts = self._texts(strings, failed)
        return {
            field.name: next(texts)
            if field.kind == _STRING
            else pa.array(each.start, pa.int64(), mask=each.null | failed)
            for field, each in zip(fields, read, strict=True)
        }

    def _texts(self, strings: Sequence[_Read], failed: Flags) -> Iterator[Any]:
        """The strings, one field after the other.

        All texts of all records are pieces of one buffer in order, with gaps between: Arrow takes
        the pieces of a field out of it without our looking at a byte.
        """
        cuts = np.empty((len(self.at), 2 * len(strings)), np.int32)
        for number, each in enumerate(strings):
            cuts[:, 2 * number] = np.where(failed, self.starts, each.start)
            cuts[:, 2 * number + 1] = np.where(failed, self.starts, each.end)
        offsets = np.append(cuts.reshape(-1), np.int32(len(self.bytes)))
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.bytes)]
        pieces = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
        first = np.arange(len(self.at), dtype=np.int64) * cuts.shape[1]
        for number, each in enumerate(strings):
            rows = pa.array(first + 2 * number, pa.int64(), mask=each.null | failed)
            yield pieces.take(rows).cast(pa.string())


def _field(field: dict[str, Any]) -> _Field:
    """A field of our own schemas: texts and whole numbers, some of them or null."""
    kind = field["type"]
    nullable = isinstance(kind, list)
    if nullable:
        null, kind = kind
        assert null == "null", "our unions are of null and one type, in this order"
    kind = kind["type"] if isinstance(kind, dict) else kind
    assert kind in (_STRING, *_INTEGERS), f"{field['name']} is a {kind}"
    return _Field(field["name"], kind, nullable)


def _joined(one: Decoded, other: Decoded) -> Decoded:
    return Decoded(
        {name: pa.concat_arrays([one.fields[name], other.fields[name]]) for name in one.fields},
        pa.concat_arrays([one.problems, other.problems]),
    )
