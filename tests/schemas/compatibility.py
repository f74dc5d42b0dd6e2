"""Whether one Avro schema reads what another wrote, by the specification's rules of resolution.

Stricter where this project is: units stay, and a field never goes.
"""

from __future__ import annotations

from typing import Any, Final

_PROMOTED: Final = {
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "string": {"string", "bytes"},
    "bytes": {"bytes", "string"},
}


def misfits(reader: Any, writer: Any, where: str = "") -> list[str]:
    """What of ``writer``'s values ``reader`` does not read, by the path of the field."""
    if isinstance(writer, list):
        return [one for branch in writer for one in misfits(reader, branch, where)]
    if isinstance(reader, list):
        fits = [branch for branch in reader if not misfits(branch, writer, where)]
        return [] if fits else [f"{where}: no branch for {_name(writer)}"]
    if _name(reader) == "record" == _name(writer):
        return _fields(reader, writer, where)
    if _name(reader) in ("array", "map") and _name(reader) == _name(writer):
        part = "items" if _name(reader) == "array" else "values"
        return misfits(reader[part], writer[part], where)
    if _name(reader) not in _PROMOTED.get(_name(writer), {_name(writer)}):
        return [f"{where}: {_name(writer)} is read as {_name(reader)}"]
    if _unit(reader) != _unit(writer):
        return [f"{where}: {_unit(writer)} is read as {_unit(reader)}"]
    return []


def _fields(reader: Any, writer: Any, where: str) -> list[str]:
    if reader["name"] != writer["name"]:
        return [f"{where}: {writer['name']} is read as {reader['name']}"]
    written = {field["name"]: field for field in writer["fields"]}
    found = [
        f"{where}.{field['name']}: new, without a default"
        for field in reader["fields"]
        if field["name"] not in written and "default" not in field
    ]
    kept = {field["name"] for field in reader["fields"]}
    found += [f"{where}.{name}: gone" for name in written if name not in kept]
    for field in reader["fields"]:
        if (theirs := written.get(field["name"])) is not None:
            found += misfits(field["type"], theirs["type"], f"{where}.{field['name']}")
    return found


def _name(schema: Any) -> str:
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)


def _unit(schema: Any) -> str | None:
    return schema.get("logicalType") if isinstance(schema, dict) else None
