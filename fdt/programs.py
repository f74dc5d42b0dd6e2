"""The programs of ``fdt up`` as commands, and the way to the read side among them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

import httpx

from fdt.settings import Settings
from fdt.supervisor import Program
from query_api.access import Role
from query_api.auth import Claims, development_token
from query_api.keys import DevelopmentKey

READ_SIDE: Final = "read side"
SOURCES: Final = "sources"

_TOKEN_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Demand:
    """What was asked of ``fdt up``; None leaves it to ``fdt simulate``."""

    requests: int | None = None
    devices: int | None = None
    seed: int | None = None
    speed: float | None = None
    rate: float | None = None
    simulate: bool = True
    until_settled: bool = False
    workers: int = 1
    keep: bool = False


def processors(settings: Settings, demand: Demand) -> list[Program]:
    """The processors, with a name and a folder for each."""
    alone = demand.workers == 1
    programs = []
    for number in range(demand.workers):
        name = settings.worker_name if alone else f"worker-{number}"
        worker = settings.model_copy(update={"worker_name": name})
        programs.append(_fdt("processor" if alone else f"processor {number}", worker, ["process"]))
    return programs


def read_side(settings: Settings) -> Program:
    """The read side."""
    return _fdt(READ_SIDE, settings, ["serve"])


def sources_of(settings: Settings, demand: Demand, seed: int) -> Program:
    """The simulated sources, which end when everything is published."""
    options = {
        "requests": demand.requests,
        "devices": demand.devices,
        "seed": seed,
        "speed": demand.speed,
        "rate": demand.rate,
    }
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return _fdt(SOURCES, settings, ["simulate", *given], lasting=False)


def _fdt(name: str, settings: Settings, command: list[str], *, lasting: bool = True) -> Program:
    words = (sys.executable, "-m", "fdt", *command)
    return Program(name, words, settings.environment(), lasting)


def read_side_url(settings: Settings) -> str:
    """Where the read side answers."""
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    return f"http://{host}:{settings.api_port}"


def read_side_client(settings: Settings) -> httpx.Client:
    """A client that sees everything, as the Service Centre does."""
    token = development_token(
        DevelopmentKey(settings.data_dir),
        audience=settings.oidc_audience,
        claims=Claims(settings.oidc_user_ids_claim, settings.oidc_roles_claim),
        subject="settled-check",
        user_ids=[],
        roles=[Role.SERVICE_CENTRE],
        valid_s=_TOKEN_SECONDS,
    )
    return httpx.Client(
        base_url=read_side_url(settings),
        headers={"Authorization": f"Bearer {token}"},
        timeout=30.0,
    )
