"""Faust as its own guide would do the same work, for comparison: agent, decode, get, set.

One event at a time through ``app.Table`` on RocksDB with its changelog: the latest status by stage
for each device and request. Prints ``RATE`` and its events a second, once it has read ``expected``
events.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any

import faust

from projections.catalogue import UnknownCode, load_catalogue
from projections.events import RECORDS
from projections.lifecycle import STAGE
from schemas.codec import BadRecord, Codec
from schemas.topics import SOURCE_TOPICS, TOPIC_SOURCES


def build(bootstrap: str, folder: str, partitions: int, expected: int) -> faust.App:
    """The application; it ends the process after ``expected`` events."""
    app = faust.App(
        "documented",
        broker=f"kafka://{bootstrap}",
        store="rocksdb://?driver=rocksdict",
        datadir=folder,
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    latest = app.Table("latest", default=dict, partitions=partitions)
    events = app.topic(
        *SOURCE_TOPICS.values(), key_type=bytes, value_type=bytes, value_serializer="raw"
    )
    codec, catalogue = Codec(), load_catalogue()
    seen = 0
    began = 0.0

    @app.agent(events)
    async def fold(stream: Any) -> None:
        nonlocal seen, began
        async for event in stream.events():
            began = began or time.perf_counter()
            seen += 1
            if seen == expected:
                rate = seen / (time.perf_counter() - began)
                print("RATE", rate, file=sys.__stdout__, flush=True)
                os._exit(0)  # its own shutdown is not what is measured
            source = TOPIC_SOURCES[event.message.topic]
            try:
                record = codec.decode(RECORDS[source], event.value)
            except BadRecord:
                continue
            try:
                meaning = catalogue.meaning(
                    source,
                    record.get("code", "RESET").strip().upper(),
                    record.get("result_code"),
                    record.get("message_code"),
                )
            except UnknownCode:
                continue
            row = dict(latest.get(record["device_id"]) or {})
            request = record.get("service_request_id") or "none"
            held = row.get(request, [0, 0])
            stage = STAGE[meaning.status]
            if [stage, record["occurred_at"]] > [STAGE[held[0]], held[1]]:
                row[request] = [meaning.status, record["occurred_at"]]
            latest[record["device_id"]] = row

    return app


if __name__ == "__main__":
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(logging.WARNING)
    application = build(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    faust.Worker(application, loglevel="warning").execute_from_commandline()
