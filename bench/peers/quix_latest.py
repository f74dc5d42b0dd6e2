"""Quix Streams as a peer: Avro decode, the latest event of a device, state with changelog.

Runs in the environment of ``quix.lock``, so it imports nothing of ours. Arguments: bootstrap, state
folder, expected events, then topic=schema id=schema file for each topic. Prints ``RATE`` once the
expected events are handled and committed. Quix keeps a state for each topic; it does not join them.
"""

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import fastavro
from quixstreams import Application

FRAMING = 5


def main() -> None:
    """Handle the expected events, commit, and say how many a second that was."""
    bootstrap, folder, expected, *topics = sys.argv[1:]
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"peer-{Path(folder).name}",
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
    )
    schemas = {}
    for each in topics:
        _, schema_id, path = each.split("=")
        schemas[int(schema_id)] = fastavro.parse_schema(_plain(json.loads(Path(path).read_text())))
    seen, began = 0, 0.0

    def latest(value: Any, key: Any, timestamp: int, headers: Any, state: Any) -> None:
        nonlocal seen, began
        began = began or time.perf_counter()
        seen += 1
        event = decode(value, schemas)
        if event is not None:
            held = state.get("latest")
            if held is None or held["occurred_at"] <= event["occurred_at"]:
                state.set("latest", event)
        if seen == int(expected):
            app.stop()

    for each in topics:
        topic = app.topic(each.split("=")[0], value_deserializer="bytes", key_deserializer="bytes")
        app.dataframe(topic).update(latest, stateful=True, metadata=True)
    app.run()
    print("RATE", seen / (time.perf_counter() - began))


def decode(value: bytes | None, schemas: dict[int, Any]) -> Any:
    """The event behind Confluent framing, or none for what the load holds of malformed records."""
    if value is None or len(value) < FRAMING or value[0] != 0:
        return None
    schema = schemas.get(int.from_bytes(value[1:FRAMING], "big"))
    if schema is None:
        return None
    try:
        return fastavro.schemaless_reader(io.BytesIO(value[FRAMING:]), schema, None)
    except (EOFError, ValueError, IndexError, OverflowError, MemoryError, TypeError):
        return None


def _plain(node: Any) -> Any:
    """Times as integers: a ``datetime`` a field would be the most expensive part of a decode."""
    if isinstance(node, dict):
        return {k: _plain(v) for k, v in node.items() if k != "logicalType"}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    return node


if __name__ == "__main__":
    main()
