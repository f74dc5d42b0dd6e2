"""docs/topics.md: the AsyncAPI document as a page of the manual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_HEAD: Final = """\
# Topics

Made by `python -m fdt.contract` from `schemas/topics.py`; a test fails when this page,
[the AsyncAPI 3 document](asyncapi.json) and the code differ. [Publish](how-to/publish.md) tells
publishers how; `fdt contract check` tries samples without a broker.

Values are in Confluent wire format (a zero byte, the schema id in four bytes, the Avro body), but
where it says otherwise. The Avro files are in `schemas/avro`. All topics have the same number of
partitions. The **received time** is the broker's (`message.timestamp.type=LogAppendTime`): a
timestamp that a producer sets is not looked at.

| Topic | Key | Written by | Read by | Policy |
|---|---|---|---|---|
"""


def markdown(document: dict[str, Any]) -> str:
    """The text of docs/topics.md."""
    parts = [_HEAD]
    for name, channel in document["channels"].items():
        writers, readers = ", ".join(channel["x-written-by"]), ", ".join(channel["x-read-by"])
        parts.append(
            f"| [`{name}`](#{name.replace('.', '')}) | {channel['x-key']} | {writers} | {readers} "
            f"| {channel['x-policy']} |\n"
        )
    for name, channel in document["channels"].items():
        parts += _chapter(name, channel, document["components"]["messages"])
    return "".join(parts)


def _chapter(name: str, channel: dict[str, Any], messages: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {name}\n\n**{channel['title']}.** {channel['description']}\n\n"
    yield f"Partitioner: {channel['x-partitioner']}. Settings, where nobody set others: "
    told = channel["bindings"]["kafka"]["topicConfiguration"]
    yield ", ".join(f"`{key}={_text(value)}`" for key, value in told.items()) + ".\n"
    yield from _list("Rely on this:", channel.get("x-may-rely-on", []))
    yield from _list("Do not rely on this:", channel.get("x-may-not-rely-on", []))
    for message in channel["messages"]:
        yield from _message(message, messages[message])


def _list(title: str, sentences: list[str]) -> Iterator[str]:
    if sentences:
        yield f"\n{title}\n\n"
        yield from (f"* {sentence}\n" for sentence in sentences)


def _message(name: str, message: dict[str, Any]) -> Iterator[str]:
    yield f"\n### {name}\n\n{message['summary']}\n"
    key = message["bindings"]["kafka"]["key"]
    if "const" in key:
        yield f"\nKey: `{key['const']}`.\n"
    payload = message["payload"]
    if "schema" in payload:
        yield "\n| Field | Type | What it is |\n|---|---|---|\n"
        for field in payload["schema"]["fields"]:
            default = "" if "default" not in field else f", default `{_json(field['default'])}`"
            yield f"| `{field['name']}` | {_type(field['type'])}{default} | {field['doc']} |\n"
    elif payload.get("type") == "null":
        yield "\nThe record has no value.\n"
    else:
        yield f"\nValue: {payload['description']}\n"
    if "headers" in message:
        required = message["headers"].get("required", [])
        yield "\n| Header | Always | What it is |\n|---|---|---|\n"
        for header, told in message["headers"]["properties"].items():
            always = "yes" if header in required else ""
            yield f"| `{header}` | {always} | {told['description']} |\n"


def _type(kind: Any) -> str:
    """An Avro type in a few words."""
    if isinstance(kind, list):
        return " or ".join(map(_type, kind))
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return f"array of {_type(kind['items'])}"
        if kind["type"] == "map":
            return f"map of {_type(kind['values'])}"
        return str(kind.get("logicalType") or kind.get("name"))
    return str(kind)


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _json(value: Any) -> str:
    return "null" if value is None else repr(value).replace("'", '"')
