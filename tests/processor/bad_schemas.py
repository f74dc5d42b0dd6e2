"""Records under schemas that are not ours, on a real broker: what a registry must be tried with.

Used by tests/processor/test_bad_schemas.py, with a registry that answers what it is told, and by
``make registry``, with a real Apicurio.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.registry import ConfluentRegistry, UnusableSchema, current_schemas
from schemas.topics import DSP_EVENTS
from sources.wire import Wire
from tests.processor.wire_inputs import SCHEMAS, dsp_schema, framed
from tests.support.events import DEVICE
from tests.support.plans import send
from tests.support.processes import running
from tests.support.topics import wait_until_read

Register = Callable[[str, str, str], int | None]
"""Registers (subject, text, type of schema), and gives the id; none if the registry refuses it."""
LEAST_KINDS: Final = 8
"""Of bad schemas that even a registry takes that looks at them."""

HOME: Final = partition_of(DEVICE, 4)
OTHERS: Final = {
    "JSON": '{"type": "object"}',
    "PROTOBUF": 'syntax = "proto3"; message DspEvent { string code = 1; }',
}


def refuses_and_goes_on(bootstrap: str, url: str, folder: Path, register: Register) -> list[str]:
    """One record under each schema, good ones between them: letters with their reasons, and after
    the mend they fold. The kinds that the registry took."""
    bad: dict[int, tuple[Any, str]] = {}
    kinds = [
        (kind, json.dumps(schema), "AVRO", schema, reason)
        for kind, (schema, reason) in SCHEMAS.items()
        if not isinstance(schema, UnusableSchema)
    ]
    kinds += [(k, text, k, dsp_schema(), "unreadable-schema") for k, text in OTHERS.items()]
    taken = []
    for kind, text, type_of, schema, reason in kinds:
        number = register(kind.replace(" ", "-"), text, type_of)
        if number is not None:
            bad[number] = schema, reason
            taken.append(kind)
    assert len(bad) == len(taken) >= LEAST_KINDS
    ours = current_schemas()["DspEvent"][1]
    full = {key: value for key, value in ours.items() if key != "namespace"}
    full["name"] = f"{ours['namespace']}.{ours['name']}"
    good = register("good", json.dumps(full), "AVRO")
    assert good is not None
    wires = [_wire(number, schema) for number, (schema, _) in bad.items()]
    wires += [_wire(good), _wire(good, headers=[("resent_offset", None)]), _wire(2_000_000)]
    send(wires, bootstrap)
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "SCHEMA_REGISTRY_URL": url,
        "FDT_DATA_DIR": str(folder),
    }
    with (
        closing(ConfluentRegistry(url)) as known,
        running("process", log=folder / "log", **settings),
    ):
        codec = Codec(known)
        found = wait_until_read(bootstrap, len(wires), codec=codec)
        assert found.counts["folded"] == 1
        assert found.counts["dead_lettered"] == len(bad) + 2
        listed = [json.loads(line) for line in _fdt(settings, "list", "--json").splitlines()]
        reasons = [reason for _, reason in bad.values()]
        reasons += ["invalid-resent-headers", "unknown-schema"]
        assert sorted(letter["reason"] for letter in listed) == sorted(reasons)
        _fdt(settings, "resend", "--reason", "invalid-resent-headers")
        found = wait_until_read(bootstrap, len(wires) + 1, codec=codec)
    assert found.counts["folded"] == 2
    return taken


def _wire(schema_id: int, schema: Any = None, headers: Any = ()) -> Wire:
    """A DSP event as the writer of a schema writes it, under an id."""
    record = framed(schema or dsp_schema())
    assert record.value is not None
    value = b"\x00" + schema_id.to_bytes(4, "big") + record.value[5:]
    return Wire(DSP_EVENTS, HOME, DEVICE.encode(), value, list(headers))


def _fdt(settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fdt", "dead-letters", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
