"""docs/asyncapi.json: all topics as an AsyncAPI 3 document, made from :mod:`schemas.topics`.

Keys, settings and records come from the topics and the Avro files; headers from
:mod:`schemas.headers`; words from :mod:`fdt.contract.words`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from fdt.contract.words import WORDS, Words
from fdt.settings import Settings
from fdt.times import duration_ms
from schemas import headers as h
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.registry import NAMESPACE, current_schemas
from schemas.topics import (
    CONTROL_KEY,
    DEAD_LETTERS,
    READ_SIDE,
    STATUS,
    TOPIC_SOURCES,
    TOPICS,
    Topic,
    TopicSpec,
    topic_specs,
)

VERSION: Final = "1.0.0"
"""Version of the contract; its first number is that of the topics' names, ``.v1``."""

_BINDING: Final = {"bindingVersion": "0.5.0"}
_AVRO: Final = "application/vnd.apache.avro+json;version=1.9.0"
_EUI: Final = "^[0-9A-F]{2}(-[0-9A-F]{2}){7}$"
_WIRE: Final = "Confluent wire format: a zero byte, the schema id in four bytes, the Avro body."

CE_HEADERS: Final = {
    h.CE_ID: "The event's `event_id`.",
    h.CE_SOURCE: "`/dsp`, `/csp/REGION`, `/comms-hub` or `/ssmi`.",
    h.CE_TIME: "`occurred_at` as RFC 3339.",
    h.CE_TYPE: "The record's full name.",
}
RESENT_HEADERS: Final = {
    h.RESENT_TOPIC: "Of a dead letter that was sent again: its original topic.",
    h.RESENT_PARTITION: "Its original partition.",
    h.RESENT_OFFSET: "Its original offset.",
    h.RESENT_TIMESTAMP: "When it was received there, milliseconds since 1970 UTC.",
}
DL_HEADERS: Final = {
    h.DL_TOPIC: "The topic it was published to.",
    h.DL_PARTITION: "Its partition there.",
    h.DL_OFFSET: "Its offset there.",
    h.DL_TIMESTAMP: "When it was received there, milliseconds since 1970 UTC.",
    h.DL_REASON: "The reason code.",
    h.DL_DETAIL: "What was wrong and how to mend it.",
    h.DL_CUT: "Bytes that the record had, where it was too large and only a part is kept.",
}
SETTLED_HEADERS: Final = {
    h.DL_SETTLED: "`resent` or `dropped`.",
    h.DL_LETTER: "Offset, in the same partition, of the letter that is settled.",
}
_KEYS: Final[dict[str, dict[str, Any]]] = {
    "Device ID": {
        "type": "string",
        "pattern": _EUI,
        "description": "Device ID in canonical form: UTF-8, upper case, eight pairs joined by `-`.",
    },
    "original key": {"description": "The publisher's key, whatever it was; it may be missing."},
    "user": {"type": "string", "description": "The user, as the token's `sub` names it."},
    "read side": {
        "type": "string",
        "pattern": "^[0-9a-f]{16}$",
        "description": "Random name of the process that tells it.",
    },
}
_SETTINGS: Final = {
    "event": "FDT_EVENT_RETENTION",
    "dead_letter": "FDT_DEAD_LETTER_RETENTION",
    "audit": "FDT_AUDIT_RETENTION",
    "session": "FDT_SESSION_ABSOLUTE",
}


def document(
    topics: Sequence[Topic] = TOPICS,
    schema_of: Callable[[str], dict[str, Any]] = lambda record: current_schemas()[record][1],
) -> dict[str, Any]:
    """The AsyncAPI 3 document of ``topics``, whose records have the Avro schemas of
    ``schema_of``."""
    specs = {spec.name: spec for spec in default_specs()}
    messages = {name: one for topic in topics for name, one in _messages(topic, schema_of)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Firmware Distribution Tracking: topics",
            "version": VERSION,
            "description": "The Kafka topics that the status of firmware updates is made from and "
            "told in. Made by `python -m fdt.contract`.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/vnd.apache.avro",
        "servers": {"kafka": _server()},
        "channels": {topic.name: _channel(topic, specs[topic.name]) for topic in topics},
        "operations": {name: one for topic in topics for name, one in _operations(topic)},
        "components": {"messages": messages},
    }


def default_specs() -> list[TopicSpec]:
    """The topics with the default settings."""

    def default(name: str) -> Any:
        return Settings.model_fields[name].default

    def milliseconds(name: str) -> int:
        return duration_ms(default(name))

    return topic_specs(
        partitions=default("partitions"),
        replication=default("replication"),
        item_retention_ms=milliseconds("retention"),
        event_retention_ms=milliseconds("event_retention"),
        dead_letter_retention_ms=milliseconds("dead_letter_retention"),
        audit_retention_ms=milliseconds("audit_retention"),
        session_absolute_ms=milliseconds("session_absolute"),
    )


def _server() -> dict[str, Any]:
    return {
        "host": "{brokers}",
        "protocol": "kafka",
        "description": "The cluster; which one, and how to sign in, the operator tells.",
        "variables": {"brokers": {"description": "KAFKA_BOOTSTRAP_SERVERS"}},
        "bindings": {"kafka": {"schemaRegistryVendor": "confluent", **_BINDING}},
    }


def _channel(topic: Topic, spec: TopicSpec) -> dict[str, Any]:
    words = WORDS[topic.name]
    return {
        "address": topic.name,
        "title": words.title,
        "description": words.description,
        "messages": {name: _ref(name) for name in _message_names(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": spec.partitions,
                "topicConfiguration": {
                    name: _typed(name, text) for name, text in sorted(spec.config.items())
                },
                **_BINDING,
            }
        },
        "x-partitions": "Those of all topics are the same number (FDT_PARTITIONS), fixed once they "
        "exist.",
        "x-partitioner": _partitioner(topic),
        "x-key": topic.key,
        "x-written-by": [topic.writer],
        "x-read-by": list(words.readers),
        "x-policy": _policy(topic),
        **_reliance(words),
    }


def _reliance(words: Words) -> dict[str, Any]:
    said = {"x-may-rely-on": words.may_rely, "x-may-not-rely-on": words.may_not_rely}
    return {name: list(sentences) for name, sentences in said.items() if sentences}


def _partitioner(topic: Topic) -> str:
    if topic.name == DEAD_LETTERS:
        return "the number of the partition that the record came from"
    if topic.name == READ_SIDE:
        return "always partition 0"
    if topic.key == "Device ID":
        return f"murmur2 over the canonical Device ID (Java's default; librdkafka: {_SETTING})"
    return "any"


_SETTING: Final = f"partitioner={PRODUCER_PARTITIONER}"


def _policy(topic: Topic) -> str:
    if topic.retention_setting is None:
        return "compacted: the latest record of each key is kept"
    return f"immutable; deleted after {_SETTINGS[topic.retention_setting]}"


def _typed(name: str, text: str) -> Any:
    """A setting as the binding writes it: policies as a list, numbers as numbers."""
    if name == "cleanup.policy":
        return text.split(",")
    return int(text) if text.isdigit() else text


def _operations(topic: Topic) -> Iterable[tuple[str, dict[str, Any]]]:
    """The operations of this system: it receives what others publish, and sends what it makes."""
    for action, who in _actions(topic):
        title = WORDS[topic.name].title
        yield (
            f"{action}-{topic.name}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "title": f"{action.title()}: {title}",
                "summary": f"{who}.",
                "bindings": {"kafka": _BINDING},
            },
        )


def _actions(topic: Topic) -> Iterable[tuple[str, str]]:
    if topic.name in TOPIC_SOURCES:
        yield "receive", "The processor folds it"
    if topic.name not in TOPIC_SOURCES or topic.writer.startswith("query_api"):
        yield "send", f"Written by {topic.writer}"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def _message_names(topic: Topic) -> list[str]:
    more = {
        STATUS: ["NothingHeld", "ProcessorControl"],
        DEAD_LETTERS: ["Settled"],
    }
    return [topic.record, *more.get(topic.name, [])]


def _messages(
    topic: Topic, schema_of: Callable[[str], dict[str, Any]]
) -> Iterable[tuple[str, dict[str, Any]]]:
    key = _KEYS[topic.key]
    if topic.name == DEAD_LETTERS:
        yield topic.record, _dead_letter(key)
        yield "Settled", _without_value("A dead letter was settled.", key, SETTLED_HEADERS)
        return
    headers: dict[str, str] = {}
    if topic.name in TOPIC_SOURCES:
        headers = CE_HEADERS | RESENT_HEADERS
    yield topic.record, _avro(schema_of(topic.record), key, headers)
    if topic.name == STATUS:
        told = "Nothing of the device is held any more (a tombstone)."
        yield "NothingHeld", _without_value(told, key, {})
        control = {"type": "string", "const": CONTROL_KEY.decode()}
        yield "ProcessorControl", _avro(schema_of("ProcessorControl"), control, {})


def _avro(schema: dict[str, Any], key: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {
        "name": f"{NAMESPACE}.{schema['name']}",
        "title": schema["name"],
        "summary": schema["doc"],
        "description": _WIRE,
        "contentType": "application/vnd.apache.avro",
        **_headers(headers),
        "payload": {"schemaFormat": _AVRO, "schema": schema},
        "bindings": {
            "kafka": {
                "key": key,
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "4",
                "schemaLookupStrategy": "TopicNameStrategy",
                **_BINDING,
            }
        },
    }


def _dead_letter(key: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "A record that could not be folded.",
        "description": "The value is the publisher's, byte for byte; it may be missing.",
        "contentType": "application/octet-stream",
        **_headers(DL_HEADERS),
        "payload": {"description": "The original value, whatever it was."},
        "bindings": {"kafka": {"key": key, **_BINDING}},
    }


def _without_value(told: str, key: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {
        "summary": told,
        **_headers(headers),
        "payload": {"type": "null"},
        "bindings": {"kafka": {"key": key, **_BINDING}},
    }


def _headers(told: dict[str, str]) -> dict[str, Any]:
    """Headers are UTF-8 texts. Those of a dead letter but ``dl_cut`` are always there; others are
    optional."""
    if not told:
        return {}
    always = told.keys() & (DL_HEADERS.keys() | SETTLED_HEADERS.keys()) - {h.DL_CUT}
    properties = {name: {"type": "string", "description": text} for name, text in told.items()}
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return {"headers": found | ({"required": sorted(always)} if always else {})}
