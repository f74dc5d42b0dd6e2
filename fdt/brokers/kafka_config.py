"""Settings of a single KRaft node, shared by the local process and the container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KAFKA_VERSION: Final = "4.3.1"

ONE_NODE: Final[dict[str, str]] = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
}
"""Topics are made by ``fdt topics`` and never by a typing mistake; one node holds one copy of
everything; after a crash the node waits until its own former session is over, so that is kept
short."""


def listeners(port: int, controller_port: int, *, bind: str, advertised: str) -> dict[str, str]:
    """Where the node listens (``bind``) and what clients are told (``advertised``, host:port)."""
    return {
        "listeners": f"PLAINTEXT://{bind}:{port},CONTROLLER://{bind}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
    }


def as_properties(config: Mapping[str, str]) -> str:
    """``server.properties``; backslashes of a path are doubled, as the format asks."""
    escaped = ((key, value.replace("\\", "\\\\")) for key, value in config.items())
    return "".join(f"{key}={value}\n" for key, value in escaped)


def as_variables(config: Mapping[str, str]) -> dict[str, str]:
    """The environment that the official image turns into ``server.properties``."""
    return {f"KAFKA_{key.replace('.', '_').upper()}": value for key, value in config.items()}
