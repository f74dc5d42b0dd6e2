"""One of the systems of the Compose file while it is tried out, for each kind of try the same."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fdt.up.plan_wait import Check
from fdt.up.simulation import SIMULATION_FILE, Simulation, read_simulation
from firmware_tracking_client import AuthenticatedClient
from sources.planning.plan import Plan, build_plan
from tests.containers import engine

WITHIN_S: Final = 300.0
KILL_ALL: Final = "kill -9 -1"
"""Every process of the container but its first, which only waits for the others."""


@dataclass(frozen=True, slots=True)
class System:
    """What the profiles start; ``campaign`` is the service that publishes."""

    profiles: tuple[str, ...]
    campaign: str

    def compose(self, *words: str) -> str:
        """What ``docker compose`` printed, with room in the limits to check everything."""
        files = ("--file", "docker-compose.yml", "--file", "tests/containers/limits.yml")
        profiles = [word for name in self.profiles for word in ("--profile", name)]
        return engine.docker(["compose", *files, *profiles, *words])

    def images(self) -> dict[str, str]:
        """Service -> its image."""
        services = json.loads(self.compose("config", "--format", "json"))["services"]
        return {name: service["image"] for name, service in services.items()}

    def up(self, services: Sequence[str]) -> float:
        """Start them, without building; the seconds until all are started."""
        return timed(lambda: self.compose("up", "--detach", "--no-build", *services))

    def stop(self, services: Sequence[str]) -> float:
        """Stop them in order, ours with exit code 0; the seconds it took."""
        took = timed(lambda: self.compose("stop"))
        for service in services:
            if (code := self.state(service)["ExitCode"]) != 0:
                raise SystemExit(f"{service} did not end in order: exit code {code}")
        return took

    def run_in(self, service: str, *words: str) -> str:
        """What a command printed inside a service's container."""
        return self.compose("exec", "--no-TTY", service, *words)

    def kill(self, service: str) -> None:
        """As a crash: the engine is not asked to stop it, and has to notice."""
        say(f"{service} is killed")
        try:
            self.run_in(service, "sh", "-c", KILL_ALL + " || true")
        except subprocess.CalledProcessError as error:
            # The container may end before the command does; :meth:`restarts` tells that it did.
            say(f"the command ended with it: {error.stderr.strip()}")

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        found: dict[str, Any] = json.loads(self._inspect(service, "{{json .State}}"))
        return found

    def restarts(self, service: str) -> int:
        """How often the engine started a killed service again; at least once, or this fails."""
        restarts = int(self._inspect(service, "{{.RestartCount}}"))
        if restarts < 1:
            raise SystemExit(f"{service} was killed, and nobody started it again")
        return restarts

    def until_healthy(self, *services: str) -> None:
        """By the services' own checks."""
        for service in services:
            until(partial(self._is_healthy, service), f"{service} is healthy")

    def until_published(self) -> None:
        """The simulated sources have ended, and well."""
        until(lambda: self.state(self.campaign)["Status"] == "exited", "the campaign is published")
        if (code := self.state(self.campaign)["ExitCode"]) != 0:
            raise SystemExit(f"the simulated sources ended with exit code {code}")

    def plan(self) -> tuple[Simulation, Plan]:
        """What was published, and how every item must end."""
        with tempfile.TemporaryDirectory() as scratch:
            source = f"{_container(self.campaign)}:/var/lib/fdt/{SIMULATION_FILE}"
            engine.docker(["cp", source, f"{scratch}/{SIMULATION_FILE}"])
            simulation = read_simulation(Path(scratch))
        return simulation, build_plan(simulation.seed, simulation.requests, simulation.devices)

    def settled(self, client: AuthenticatedClient) -> int:
        """How many items are as the plan says: all, or this fails with the first that differ."""
        simulation, plan = self.plan()
        with client:
            check = Check(client, plan, simulation)
            until(check.over, "the items are compared with the plan")
        if check.found:
            raise SystemExit("\n".join(map(str, check.found[:10])))
        return len(plan.expected)

    def _is_healthy(self, service: str) -> bool:
        return bool(self.state(service)["Health"]["Status"] == "healthy")

    def _inspect(self, service: str, form: str) -> str:
        return engine.docker(["inspect", _container(service), "--format", form])


def _container(service: str) -> str:
    return f"{engine.PROJECT}-{service}-1"


def timed(done: Callable[[], object]) -> float:
    """The seconds it took."""
    began = time.monotonic()
    done()
    return round(time.monotonic() - began, 1)


def until(done: Callable[[], bool], what: str) -> None:
    """Wait, within bounds."""
    deadline = time.monotonic() + WITHIN_S
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {WITHIN_S:g} s")
        time.sleep(0.5)


def say(text: str) -> None:
    """How far it is, for whoever waits."""
    print(text, file=sys.stderr, flush=True)
