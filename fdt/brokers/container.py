"""A broker in a container, for tests on machines with a Docker engine."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from fdt.brokers.admin import admin_client, silence
from fdt.brokers.base import Broker
from fdt.brokers.kafka_config import KAFKA_VERSION, ONE_NODE, as_variables, listeners
from fdt.errors import RunFailed, UserError
from fdt.processes.children import free_port

IMAGE: Final = f"apache/kafka:{KAFKA_VERSION}"
START_SECONDS: Final = 120.0
"""Pulling the image comes before; this is for the broker alone."""

_CONTROLLER_PORT: Final = 9093
_UNIX: Final = "unix://"
_USUAL_HOST: Final = "unix:///var/run/docker.sock"


def docker_answers() -> bool:
    """Whether a Docker engine is there; installed tools alone say nothing."""
    if not _is_listening(os.environ.get("DOCKER_HOST") or _USUAL_HOST):
        return False
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        return False
    try:
        client = docker.from_env(timeout=3)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def _is_listening(host: str) -> bool:
    """Whether something listens on the engine's socket; the SDK would leave its own end of it
    open."""
    if not host.startswith(_UNIX):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(host.removeprefix(_UNIX))
        except OSError:
            return False
    return True


class ContainerBroker(Broker):
    """Apache Kafka in a container of its own, removed at the end."""

    def __init__(self, *, extra: Mapping[str, str] | None = None) -> None:
        self._extra = dict(extra or {})
        self._container: Any = None
        self._bootstrap_servers: str | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address, once started."""
        if self._bootstrap_servers is None:
            raise RuntimeError("the container has not been started")
        return self._bootstrap_servers

    def start(self) -> None:
        """Pulls the image where it is missing, and returns once the broker answers."""
        from docker.errors import DockerException
        from testcontainers.core.container import DockerContainer

        try:
            container = DockerContainer(IMAGE)
            host, port = container.get_docker_client().host(), free_port()
            container.with_bind_ports(port, port)
            container.with_envs(**container_variables(host, port, self._extra))
            self._container = container
            container.start()
        except (DockerException, OSError) as error:
            self.stop()
            raise UserError(f"The container of {IMAGE} did not start: {error}.") from error
        self._bootstrap_servers = f"{host}:{port}"
        self._wait()

    def stop(self) -> None:
        """Removes the container and its data."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def require_running(self) -> None:
        """:class:`~fdt.errors.RunFailed` if the container has ended."""
        self._container.reload()
        if self._container.status != "running":
            raise RunFailed(f"The container of {IMAGE} has ended ({self._container.status}).")

    def describe(self) -> str:
        """What this is, for people."""
        return f"Apache Kafka {KAFKA_VERSION} in a container at {self._bootstrap_servers}"

    def _wait(self) -> None:
        client = admin_client(self.bootstrap_servers)
        deadline = time.monotonic() + START_SECONDS
        while (why := silence(client, 1.0)) is not None:
            if time.monotonic() > deadline:
                output = b"".join(self._container.get_logs()).decode(errors="replace")
                self.stop()
                raise UserError(
                    f"The container of {IMAGE} did not answer within {START_SECONDS:.0f} s "
                    f"({why}); its last lines were:\n{output[-2000:]}"
                )


def container_variables(host: str, port: int, extra: Mapping[str, str]) -> dict[str, str]:
    """Environment of the image for a broker that clients reach at ``host:port``."""
    where = listeners(port, _CONTROLLER_PORT, bind="0.0.0.0", advertised=f"{host}:{port}")
    return as_variables({**ONE_NODE, **where, **extra})
