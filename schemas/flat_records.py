"""A fast reader of Avro bodies whose fields are strings and integers, as those of events are.

:class:`~schemas.codec.Codec` uses it for bodies of our own current schema, where it is compiled. A
body that does not read cleanly is left to fastavro, which gives the reason. Compiled, it takes a
fifth of fastavro's time; as plain Python it would take more, and is not used (docs/decisions/0042).
"""

from __future__ import annotations

from typing import Any, Final

_NUMBER: Final = 1
_NULLABLE: Final = 2
_KINDS: Final = {"string": 0, "int": _NUMBER, "long": _NUMBER}
_LAST_SHIFT: Final = 56
"""A number with more groups of seven bits is left to fastavro."""


class FlatReader:
    """Reads bodies of one schema: texts and whole numbers, or null, in this order."""

    def __init__(self, names: list[str], kinds: list[int]) -> None:
        self._names = names
        self._kinds = kinds

    def read(self, data: bytes, at: int) -> dict[str, Any] | None:
        """The fields of the body that begins at ``at`` and ends with ``data``; none if it does not
        read cleanly."""
        end = len(data)
        found: dict[str, Any] = {}
        for name, kind in zip(self._names, self._kinds, strict=True):
            if kind & _NULLABLE:
                if at >= end:
                    return None
                branch = data[at]
                at += 1
                if branch == 0:
                    found[name] = None
                    continue
                if branch != 2:
                    return None
            number = 0
            shift = 0
            while True:
                if at >= end or shift > _LAST_SHIFT:
                    return None
                byte = data[at]
                at += 1
                number |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
            number = (number >> 1) ^ -(number & 1)
            if kind & _NUMBER:
                found[name] = number
            elif number < 0 or number > end - at:
                return None
            else:
                try:
                    found[name] = data[at : at + number].decode()
                except UnicodeDecodeError:
                    return None
                at += number
        return found if at == end else None


def flat_reader(schema: dict[str, Any]) -> FlatReader | None:
    """A reader for a record's schema (JSON, as registered); none for one with other fields."""
    kinds = [_kind_of(field["type"]) for field in schema["fields"]]
    if None in kinds:
        return None
    known = [kind for kind in kinds if kind is not None]
    return FlatReader([field["name"] for field in schema["fields"]], known)


def _kind_of(declared: Any) -> int | None:
    """A text, a number, a time in milliseconds, or null before one of them."""
    if isinstance(declared, list):
        if len(declared) != 2 or declared[0] != "null":
            return None
        kind = _kind_of(declared[1])
        return None if kind is None else kind | _NULLABLE
    if isinstance(declared, dict):
        is_time = declared.get("logicalType") == "timestamp-millis"
        return _KINDS.get(declared["type"]) if is_time else None
    return _KINDS.get(declared) if isinstance(declared, str) else None
