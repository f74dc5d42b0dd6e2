"""Everything the event topics hold about one device, in the order the broker received it."""

import os
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition

from projections.events import RECORDS
from schemas.codec import BadRecord, Codec
from schemas.topics import TOPIC_SOURCES

device = sys.argv[1].encode()
codec = Codec()
consumer = Consumer(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "group.id": "replay",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
    }
)
topics = consumer.list_topics(timeout=10).topics
waiting = {(topic, number) for topic in TOPIC_SOURCES for number in topics[topic].partitions}
consumer.assign([TopicPartition(topic, number, 0) for topic, number in waiting])
found = []
while waiting:
    for message in consumer.consume(5_000, timeout=0.2):
        topic = message.topic()
        if message.error() is not None:
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise SystemExit(message.error().str())
            waiting.discard((topic, message.partition()))
        elif message.key() == device:
            try:
                event = codec.decode(RECORDS[TOPIC_SOURCES[topic]], message.value())
            except BadRecord as bad:
                event = {"code": f"dead letter: {bad}"}
            found.append((message.timestamp()[1], topic, message.offset(), event))
consumer.close()
for received_at, topic, offset, event in sorted(found, key=lambda record: record[:3]):
    print(received_at, topic, offset, event.get("code", "RESET"), event.get("service_request_id"))
