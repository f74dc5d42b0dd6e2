"""Checks the brokers: whether they answer, their protocol version, our rights, their clock."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError as AiokafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # exported at run time

from fdt.doctor.findings import Asked, Finding, failure, not_checked, ok, warning
from fdt.kafka.rights import USERS, lacking
from runtime import broker, kafka
from runtime.topics import BrokerSilent, described
from schemas.topics import STATUS

NEEDED: Final = {
    2: ("ListOffsets", 7),
    3: ("Metadata", 10),
    15: ("DescribeGroups", 3),
    22: ("InitProducerId", 3),
}
"""Number of a request of Kafka's protocol -> its name, and the version that we need (Kafka 3.0)."""
_FETCH: Final = 1
TOLERATED_S: Final = 2.0
"""Difference of clocks that no reader notices."""
TOO_MUCH_S: Final = 30.0
"""Leeway that access tokens are given."""

_NEWEST: Final[OffsetSpec] = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]


def reached(asked: Asked) -> Iterator[Finding]:
    """Whether they answer us, and how many there are."""
    admin = kafka.admin_client(asked.bootstrap)
    try:
        described(admin)
        brokers = admin.list_topics(timeout=broker.ANSWER_S).brokers
    except (BrokerSilent, KafkaException) as error:
        yield failure(
            f"{asked.bootstrap} does not answer: {error}",
            "Start it, or correct KAFKA_BOOTSTRAP_SERVERS; where it speaks of a certificate, a "
            "user or a password, correct FDT_KAFKA_… (docs/how-to/secure-kafka.md)",
        )
        return
    yield ok(f"{asked.bootstrap} answers; {len(brokers)} in the cluster")
    wanted = asked.settings.replication
    if len(brokers) < wanted:
        yield failure(
            f"FDT_REPLICATION is {wanted}, and the cluster has {len(brokers)} brokers",
            "Start the others, or lower FDT_REPLICATION",
        )


def spoken(asked: Asked) -> Iterator[Finding]:
    """Whether they support the protocol versions that we need."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says comes back as an error
    try:
        versions = asyncio.run(_versions(asked.bootstrap))
    except (AiokafkaError, OSError) as error:
        yield not_checked(f"{asked.bootstrap} does not say what it speaks: {error}")
        return
    lacks = [
        f"{name} {needed}"
        for key, (name, needed) in NEEDED.items()
        if versions.get(key, 0) < needed
    ]
    if lacks:
        yield failure(
            f"The broker does not speak {', '.join(lacks)}",
            "Upgrade it: Apache Kafka 3.0 is the oldest, 4.3 what this is tested with",
        )
    else:
        yield ok(f"Kafka 3.0 or newer (Fetch up to version {versions.get(_FETCH, 0)})")


async def _versions(bootstrap: str) -> dict[int, int]:
    """Request -> the newest version of it that a broker takes."""
    client = AIOKafkaClient(**kafka.aiokafka_settings(bootstrap.split(","), "fdt-doctor"))
    await client.bootstrap()
    try:
        node = client.get_random_node()
        answer: Any = await client.send(node, ApiVersionRequest())
        return {key: newest for key, _, newest in answer.api_versions}
    finally:
        await client.close()


def allowed(asked: Asked) -> Iterator[Finding]:
    """Whether our user may do all that the named component needs; without a name, that any one
    needs."""
    names = [asked.component] if asked.component else list(USERS)
    admin = kafka.admin_client(asked.bootstrap)
    try:
        found = {n: lacking(admin, n, asked.settings.group_id) for n in names}
    except KafkaException as error:
        told = kafka.complaint(admin) or error.args[0].str()
        yield not_checked(f"Rights could not be looked at: {told}")
        return
    if able := [name for name in names if not found[name]]:
        yield ok(f"Our user may do what is needed by: {', '.join(able)}")
        return
    nearest = min(names, key=lambda name: len(found[name]))
    yield failure(
        f"Our user may not do all that {nearest} needs: it lacks {', '.join(found[nearest])}",
        f"Give it what 'fdt topics --acls' lists for {nearest}, or name the right user in "
        "FDT_KAFKA_USER",
    )


def clock(asked: Asked, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Whether a stored record has a time in this machine's future.

    No request to a broker is answered with its time. The newest stored record shows how far ahead
    the broker's clock is; how far behind, only while a worker runs (a record a minute).
    """
    admin = kafka.admin_client(asked.bootstrap)
    try:
        topic = admin.list_topics(STATUS, timeout=broker.ANSWER_S).topics[STATUS]
        places = [TopicPartition(STATUS, number) for number in topic.partitions]
        if not places:
            yield not_checked(f"{STATUS} is not there, or not for our user to see")
            return
        answers = broker.offsets(admin, places, _NEWEST, committed=False).values()
        newest = max((each.result(broker.ANSWER_S + 1).timestamp for each in answers), default=-1)
    except (KafkaException, TimeoutError) as error:
        yield not_checked(f"The broker does not tell its newest records: {error}")
        return
    if newest < 0:
        yield not_checked("Nothing is stored yet that would tell the broker's time")
        return
    ahead = newest / 1000 - now()
    told = f"The newest record was stored {-ahead:,.1f} s ago by this machine's clock"
    if ahead <= TOLERATED_S:
        yield ok(told)
        return
    judge = failure if ahead > TOO_MUCH_S else warning
    yield judge(
        f"The broker's clock is {ahead:,.1f} s or more ahead of this machine's",
        "Set both by the same time server (NTP); received times are the broker's, tokens are "
        "judged by this machine's",
    )
