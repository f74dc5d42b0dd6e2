"""Checks the topics: what ``fdt topics`` compares, and whether each partition has leader and
copies."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka.admin import TopicMetadata  # type: ignore[attr-defined]

from fdt.doctor.findings import Asked, Finding, failure, not_checked, ok, warning
from fdt.kafka.topics import specs_of
from runtime import kafka
from runtime.topics import (
    BrokerSilent,
    Described,
    Difference,
    described,
    differences,
    how_to_mend,
    is_serious,
)
from schemas.topics import TopicSpec


def compared(asked: Asked) -> Iterator[Finding]:
    """Each setting that is not as the contract says."""
    specs = specs_of(asked.settings)
    admin = kafka.admin_client(asked.bootstrap)
    try:
        there = described(admin)
        found = differences(admin, there, specs)
    except BrokerSilent as error:
        yield not_checked(f"The topics cannot be looked at: {error}")
        return
    yield from map(_told, found)
    if not found:
        yield ok(f"{len(specs)} topics are there, each as the settings say")
    yield from _copies(there, specs)


def _told(difference: Difference) -> Finding:
    if is_serious(difference):
        return failure(str(difference), how_to_mend(difference))
    return warning(
        str(difference), "Change it with the broker's own tools, or correct the setting of ours"
    )


def _copies(there: Described, specs: list[TopicSpec]) -> Iterator[Finding]:
    for topic in (there[spec.name] for spec in specs if spec.name in there):
        if alone := _places(topic, leaderless=True):
            yield failure(
                f"{topic.topic}: partition {alone} has no leader",
                "Look at the brokers: none that has it in step is up",
            )
        elif behind := _places(topic, leaderless=False):
            yield warning(
                f"{topic.topic}: partition {behind} has fewer copies in step than it should",
                "Look at the brokers: one is down, or behind",
            )


def _places(topic: TopicMetadata, *, leaderless: bool) -> str:
    found = [
        number
        for number, partition in sorted(topic.partitions.items())
        if (partition.leader < 0 if leaderless else len(partition.isrs) < len(partition.replicas))
    ]
    return ", ".join(map(str, found))
