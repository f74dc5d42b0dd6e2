"""Three Kafka nodes on this machine: replication 3, ``min.insync.replicas`` 2."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

from fdt.brokers.local import LocalKafka, Ports
from fdt.processes.children import free_port
from runtime import kafka

NODES: Final = 3
COPIES: Final = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "min.insync.replicas": "2",
    "broker.session.timeout.ms": "6000",
}
"""What the nodes have otherwise than one alone."""


class Node(LocalKafka):
    """One of them."""

    def __init__(
        self,
        folder: Path,
        number: int,
        ports: list[Ports],
        cluster_id: str,
        more: Mapping[str, str],
    ) -> None:
        folder.mkdir(parents=True)
        (folder / "ports.json").write_text(json.dumps(asdict(ports[number - 1])), encoding="ascii")
        voters = [f"{n}@127.0.0.1:{port.controller}" for n, port in enumerate(ports, 1)]
        config = {**COPIES, "node.id": str(number), "controller.quorum.voters": ",".join(voters)}
        config |= more
        super().__init__(folder, heap_mb=384, extra=config, start_seconds=120)
        self._cluster_id = cluster_id

    def _format(self, class_path: str) -> None:
        asked = ("format", f"--cluster-id={self._cluster_id}", "--ignore-formatted", "--config")
        tool = self._java(class_path, "kafka.tools.StorageTool", *asked, self._config_file)
        assert tool.wait() == 0, self._last_lines()


class Cluster:
    """All of them; they start together, for no one of them is a cluster. ``more`` is added to the
    settings of each."""

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None) -> None:
        ports = [Ports(free_port(), free_port()) for _ in range(NODES)]
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.nodes = {
            n: Node(folder / f"n{n}", n, ports, cluster_id, more or {}) for n in range(1, NODES + 1)
        }
        self.bootstrap_servers = ",".join(f"127.0.0.1:{port.client}" for port in ports)

    def start(self) -> None:
        """Until each of them answers."""
        with ThreadPoolExecutor(NODES) as threads:
            list(threads.map(LocalKafka.start, self.nodes.values()))

    def stop(self) -> None:
        """All of them, at once."""
        for node in self.nodes.values():
            node.kill()

    def leader(self, topic: str, number: int) -> Node:
        """The node that leads a partition."""
        admin = kafka.admin_client(self.bootstrap_servers)
        partitions = admin.list_topics(topic, timeout=10).topics[topic].partitions
        return self.nodes[partitions[number].leader]
