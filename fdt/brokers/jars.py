"""Fetches the jars of Apache Kafka from Maven Central by jgo, and checks each SHA-256.

``jars.lock`` lists them all, so nothing is resolved at run time. jgo keeps a download that was cut
short and only warns of a wrong checksum, so a file that differs from the record is fetched once
more. ``python -m fdt.brokers.jars`` writes the list anew after a change of version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdt.brokers.kafka_config import KAFKA_VERSION
from fdt.errors import UserError

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

LOCK: Final = Path(__file__).with_name("jars.lock")
KAFKA: Final = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"

_LOGGER: Final = "org.apache.logging.log4j:log4j-slf4j-impl"
"""Resolved apart from Kafka, in the version of Kafka's own log4j: its parent's version list would
replace Kafka's client with an older one."""
_CONNECTIONS: Final = 6


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar of the class path, by its Maven coordinates."""

    group: str
    artifact: str
    version: str
    sha256: str


def kafka_class_path(report: Callable[[str], None]) -> list[Path]:
    """The recorded jars on this machine, downloaded where they are missing.

    :class:`~fdt.errors.UserError` if Maven Central cannot be reached or sends something else.
    """
    from jgo.maven import MavenContext

    context = MavenContext()
    artifacts = [(jar, _artifact(context, jar)) for jar in locked()]
    if not all(_path(artifact).is_file() for _, artifact in artifacts):
        report(f"Downloading Apache Kafka {KAFKA_VERSION} (45 MB, once)")
    try:
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return list(pool.map(_fetch, *zip(*artifacts, strict=True)))
    except (RuntimeError, OSError) as error:
        raise UserError(
            f"The jars of Apache Kafka {KAFKA_VERSION} could not be downloaded "
            f"({type(error).__name__}): allow access to Maven Central, "
            "or set KAFKA_BOOTSTRAP_SERVERS."
        ) from error


@cache
def locked() -> tuple[Jar, ...]:
    """The jars of ``jars.lock``, in its order."""
    return tuple(map(_jar, LOCK.read_text(encoding="utf-8").splitlines()))


def _jar(line: str) -> Jar:
    digest, coordinates = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, digest)


def _artifact(context: MavenContext, jar: Jar) -> Artifact:
    return context.project(jar.group, jar.artifact).at_version(jar.version).artifact()


def _path(artifact: Artifact) -> Path:
    """Where the local Maven repository keeps the jar, present or not."""
    path = artifact.cached_path
    assert path is not None
    return path


def _fetch(jar: Jar, artifact: Artifact) -> Path:
    """The jar with the recorded bytes; a file with other bytes is deleted and fetched once more."""
    if _path(artifact).is_file() and _sha256(_path(artifact)) != jar.sha256:
        _path(artifact).unlink()
    path = artifact.resolve()
    if _sha256(path) != jar.sha256:
        path.unlink()
        raise UserError(
            f"Maven Central sent other bytes for {path.name} than {LOCK.name} records: "
            "try again, or set KAFKA_BOOTSTRAP_SERVERS."
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resolved() -> list[Artifact]:
    """Every jar that Kafka needs, and the one that connects its logging to log4j."""
    import jgo

    kafka: list[Artifact] = jgo.resolve(KAFKA)
    log4j = next(a.version for a in kafka if a.artifactId == "log4j-core")
    logger: Artifact = jgo.resolve(f"{_LOGGER}:{log4j}")[0]
    return [*kafka, logger]


def write_lock() -> None:
    """Resolves the current version and records its jars."""
    lines = (f"{_sha256(a.resolve())}  {a.groupId}:{a.artifactId}:{a.version}" for a in _resolved())
    LOCK.write_text("\n".join(sorted(lines, key=lambda line: line.split()[1])) + "\n")


if __name__ == "__main__":
    write_lock()
