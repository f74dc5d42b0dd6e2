"""Publish one acceptance by the DSP with nothing but a Kafka client and an Avro library."""

import io
import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import fastavro
from confluent_kafka import KafkaError, Message, Producer

TOPIC = "firmware.dsp.v1"
SUPPLIER = "90-B3-D5-1F-30-01-00-00"
DEVICE = "00-DB-12-34-56-78-90-A0"
SCHEMA_ID = 1  # schemas/avro/registry.json
SCHEMA = json.loads(Path("schemas/avro/dsp_event.avsc").read_text(encoding="utf-8"))
ACCESS = json.loads(os.environ.get("KAFKA_ACCESS", "{}"))  # TLS, user, password: as librdkafka's

event = {
    # One UUID for one thing that happened. Keep it with what is to be sent: whoever sends it again
    # after a crash sends the same one, and it counts once.
    "event_id": str(uuid.uuid4()),
    "service_request_id": f"{SUPPLIER}:90-B3-D5-1F-30-00-00-02:{time.time_ns() // 1000}",
    "service_reference_variant": "11.1",
    "device_id": DEVICE,
    "device_type": "ESME",
    "firmware_version": "0002012F",
    "image_hash": None,
    "code": "I99",
    "detail": None,
    "occurred_at": int(time.time() * 1000),  # when it happened, not when it is sent
}
value = io.BytesIO()
value.write(b"\x00" + SCHEMA_ID.to_bytes(4, "big"))
fastavro.schemaless_writer(value, fastavro.parse_schema(SCHEMA), event)

producer = Producer(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "partitioner": "murmur2_random",  # librdkafka's own would put it into another partition
        "enable.idempotence": True,  # acks=all, in order, no copies of its own
        **ACCESS,
    }
)
refused: list[str] = []


def delivered(error: KafkaError | None, message: Message) -> None:
    """The place is worth keeping: a dead letter names it."""
    if error is not None:
        refused.append(str(error))
    else:
        print(f"at {message.topic()} {message.partition()}:{message.offset()}")


producer.produce(
    TOPIC,
    value.getvalue(),
    DEVICE,  # the key: the Device ID in canonical form
    headers=[
        ("ce_id", event["event_id"]),
        ("ce_source", "/dsp"),
        ("ce_time", datetime.fromtimestamp(event["occurred_at"] / 1000, UTC).isoformat()),
        ("ce_type", "uk.co.smartdcc.firmware.DspEvent"),
    ],
    on_delivery=delivered,
)
if producer.flush(30) or refused:
    sys.exit(f"not published, send it again as it is: {refused or 'the broker is silent'}")
print(f"{DEVICE} in request {event['service_request_id']}")
