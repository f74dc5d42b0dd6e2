"""The broker's jars have the recorded bytes, or they are not used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from fdt.brokers import jars
from fdt.brokers.jars import Jar, locked
from fdt.errors import UserError

GOOD = b"the recorded bytes"
JAR = Jar("org.example", "thing", "1", hashlib.sha256(GOOD).hexdigest())


class Downloads:
    """A Maven artifact that gives other bytes each time it is fetched, as jgo's do."""

    def __init__(self, path: Path, *contents: bytes) -> None:
        self.cached_path = path
        self.contents = list(contents)

    def resolve(self) -> Path:
        """The local file, fetched where it is missing."""
        if not self.cached_path.exists():
            self.cached_path.write_bytes(self.contents.pop(0))
        return self.cached_path


def fetch(artifact: Any) -> Path:
    """What the class path would use."""
    return jars._fetch(JAR, artifact)


def test_a_recorded_jar_is_used_as_it_lies_there(tmp_path: Path) -> None:
    """Nothing is fetched for a jar that is here and right."""
    path = tmp_path / "thing-1.jar"
    path.write_bytes(GOOD)
    assert fetch(Downloads(path)) == path


def test_a_download_that_was_cut_short_is_fetched_again(tmp_path: Path) -> None:
    """What an interrupted run left behind does not stay."""
    path = tmp_path / "thing-1.jar"
    path.write_bytes(GOOD[:5])
    assert fetch(Downloads(path, GOOD)).read_bytes() == GOOD


def test_other_bytes_are_refused_and_not_kept(tmp_path: Path) -> None:
    """A jar with a wrong checksum never reaches the class path."""
    path = tmp_path / "thing-1.jar"
    with pytest.raises(UserError, match=r"sent other bytes for thing-1\.jar"):
        fetch(Downloads(path, b"something else"))
    assert not path.exists()


def test_the_lock_lists_kafka_and_a_logger_of_kafkas_own_version() -> None:
    """Another log4j than Kafka's would bring an older Kafka client with it."""
    versions = {jar.artifact: jar.version for jar in locked()}
    assert versions["kafka-clients"] == versions["kafka_2.13"] == "4.3.1"
    assert versions["log4j-slf4j-impl"] == versions["log4j-core"]
    assert all(len(jar.sha256) == 64 for jar in locked())
