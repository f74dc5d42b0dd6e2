"""A publisher's own dead letters: those of one topic, oldest first, and whether they are settled."""

import os
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

TOPIC = "firmware.dead-letter.v1"
MINE = sys.argv[1]  # such as firmware.dsp.v1

consumer = Consumer(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "group.id": f"{MINE}-dead-letters",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
)
partitions = consumer.list_topics(TOPIC, 10).topics[TOPIC].partitions
letters: dict[tuple[int, int], dict[str, str]] = {}
settled: dict[tuple[int, int], str] = {}
for number in partitions:
    consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING)])
    while True:
        message = consumer.poll(10)
        if message is None:
            sys.exit("the broker is silent")
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                break
            sys.exit(str(message.error()))
        told = {name: (text or b"").decode() for name, text in message.headers() or []}
        if "dl_settled" in told:
            settled[number, int(told["dl_letter"])] = told["dl_settled"]
        elif told.get("dl_topic") == MINE:
            letters[number, message.offset()] = told
consumer.close()
for place, told in letters.items():
    state = settled.get(place, "open")
    print(f"{told['dl_partition']}:{told['dl_offset']} {told['dl_reason']} ({state})")
    print(f"    {told['dl_detail']}")
print(f"{len(letters)} dead letters of {MINE}")
