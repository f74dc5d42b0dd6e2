"""Publish one acceptance by the DSP with nothing but a Kafka client and an Avro library."""

import io
import json
import os
import time
import uuid
from pathlib import Path

import fastavro
from confluent_kafka import Producer

SUPPLIER = "90-B3-D5-1F-30-01-00-00"
DEVICE = "00-DB-12-34-56-78-90-A0"
SCHEMA_ID = 1  # schemas/avro/registry.json
SCHEMA = json.loads(Path("schemas/avro/dsp_event.avsc").read_text(encoding="utf-8"))

event = {
    "event_id": str(uuid.uuid4()),
    "service_request_id": f"{SUPPLIER}:90-B3-D5-1F-30-00-00-02:{time.time_ns() // 1000}",
    "service_reference_variant": "11.1",
    "device_id": DEVICE,
    "device_type": "ESME",
    "firmware_version": "0002012F",
    "image_hash": None,
    "code": "I99",
    "detail": None,
    "occurred_at": int(time.time() * 1000),
}
value = io.BytesIO()
value.write(b"\x00" + SCHEMA_ID.to_bytes(4, "big"))
fastavro.schemaless_writer(value, fastavro.parse_schema(SCHEMA), event)

producer = Producer(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
    }
)
producer.produce("firmware.dsp.v1", value.getvalue(), DEVICE)
producer.flush()
print(f"{DEVICE} in request {event['service_request_id']}")
