"""The container engine, through the command line that every one of them has: ``docker``.

Whichever engine answers at ``DOCKER_HOST`` is used: Docker itself, or Podman's service.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from runtime.threads import watched

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = "firmware-distribution-tracking"
_BUILD: Final = {"DOCKER_BUILDKIT": "0"}
"""The builder that every engine has, Podman too."""
_HEALTH_S: Final = 3.0


class NoEngine(SystemExit):
    """Nothing can be run; the message says what is missing."""


def require() -> str:
    """The engine's name and version; :class:`NoEngine` if there is none, or no Compose."""
    for words, missing in (
        (["version", "--format", "{{json .Server}}"], "no container engine answers"),
        (["compose", "version", "--short"], "docker has no Compose plugin (version 2 or newer)"),
    ):
        try:
            docker(words)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoEngine(
                f"{missing} ({_reason(error)}): start Docker, or Podman's service and set "
                "DOCKER_HOST to its socket."
            ) from error
    server: dict[str, Any] = json.loads(docker(["version", "--format", "{{json .Server}}"]))
    parts = server.get("Components") or [{"Name": "Engine", "Version": server.get("Version")}]
    return f"{parts[0]['Name']} {parts[0]['Version']}"


def docker(words: Sequence[str]) -> str:
    """What a command printed; ``subprocess.CalledProcessError`` if it failed."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        ["docker", *words], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.strip()


def build(tag: str, folder: Path, **arguments: str) -> None:
    """An image from ``folder``, with the host's network; its steps go to standard error."""
    given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    subprocess.run(
        ["docker", "build", "--network=host", "--tag", tag, *given, str(folder)],
        check=True,
        stdout=2,
        env={**os.environ, **_BUILD},
    )


def has(image: str) -> bool:
    """Whether the engine holds an image, or can have it."""
    for words in (["image", "inspect", image], ["pull", image]):
        if subprocess.run(["docker", *words], capture_output=True, check=False).returncode == 0:
            return True
    return False


@contextmanager
def looked_after() -> Iterator[None]:
    """Health checks are made where the engine leaves them to a service manager that is not there:
    Podman asks systemd for its timers."""
    if "podman" not in docker(["version"]).lower():
        yield
        return
    ended = threading.Event()

    def check() -> None:
        while not ended.wait(_HEALTH_S):
            for name in docker(["ps", "--format", "{{.Names}}"]).split():
                subprocess.run(
                    ["podman", "healthcheck", "run", name], capture_output=True, check=False
                )

    thread = watched("health checks", check, stopping=ended.is_set, on_end=_say)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _say(error: BaseException) -> None:
    print(f"no health check is made any more: {error}")


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None)
    return said.strip().splitlines()[-1] if said and said.strip() else str(error)
