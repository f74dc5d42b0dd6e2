"""Publish one approval by a CSP with Confluent's Avro serializer and a schema registry."""

import os
import sys
import time
import uuid
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPIC = "firmware.csp.v1"
DEVICE = "00-DB-12-34-56-78-90-A1"
REQUEST = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"

# Credentials and a certificate authority are settings of this client: basic.auth.user.info,
# ssl.ca.location.
registry = SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]})
serialize = AvroSerializer(
    registry,
    Path("schemas/avro/csp_event.avsc").read_text(encoding="utf-8"),
    # The operator registers what is published; a producer that registers by itself would put its
    # own mistake there.
    conf={"auto.register.schemas": False},
)
event = {
    "event_id": str(uuid.uuid4()),
    "service_request_id": REQUEST,
    "device_id": DEVICE,
    "device_type": "ESME",
    "firmware_version": "0002012F",
    "csp_region": "North",
    "comms_hub_id": None,
    "code": "APPROVED",
    "detail": None,
    "occurred_at": int(time.time() * 1000),
}
producer = Producer(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "partitioner": "murmur2_random",  # librdkafka's own would put it into another partition
        "enable.idempotence": True,
    }
)
refused: list[str] = []


def delivered(error: KafkaError | None, message: Message) -> None:
    """The place is worth keeping: a dead letter names it."""
    if error is not None:
        refused.append(str(error))
    else:
        print(f"at {message.topic()} {message.partition()}:{message.offset()}")


value = serialize(event, SerializationContext(TOPIC, MessageField.VALUE))
producer.produce(TOPIC, value, DEVICE, on_delivery=delivered)
if producer.flush(30) or refused:
    sys.exit(f"not published, send it again as it is: {refused or 'the broker is silent'}")
