"""A small world behind a real HTTP server on loopback, with the development sign-in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from fdt.processes.children import free_port
from fdt.up.development_users import people
from query_api.app import create_app
from query_api.assembly import Parts, ReadSideConfig, ScreenConfig, mount_provider, services_of
from query_api.audit.entry import wall_ms
from query_api.audit.trail import Auditor
from query_api.queries.reads import Reads
from query_api.screen.context import Screen
from query_api.view.listing import ForgivingCatalogue
from tests.query_api.tokens import AUDIENCE, ISSUER
from tests.query_api.world import GENEROUS, RETENTION_MS, OneKey, World
from tests.support.rows import CATALOGUE

SERVED = replace(GENEROUS, client_id=None, public_url=None, people=people())


@dataclass
class Served:
    """A running server."""

    url: str
    world: World
    screen: Screen


@contextmanager
def served(
    world: World,
    folder: Path,
    screen: ScreenConfig = SERVED,
    now_ms: Callable[[], int] = wall_ms,
    issuer: str = ISSUER,
    port: int | None = None,
) -> Iterator[Served]:
    """Serve ``world`` until the end of the ``with``; pages tell ages by ``now_ms``.

    ``issuer`` is asked to sign people in, if ``screen`` names a client there.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    config = ReadSideConfig(
        bootstrap="",
        data_dir=folder,
        view_folder=folder / "view",
        host="127.0.0.1",
        port=port,
        profile="development",
        retention_ms=RETENTION_MS,
        oidc_audience=AUDIENCE,
        oidc_issuer=issuer,
        screen=screen,
    )
    reads = Reads(world.progress, ForgivingCatalogue(CATALOGUE), RETENTION_MS)
    parts = Parts(reads, Auditor(world.trail, now_ms), world.trail, world.publisher)
    services = services_of(config, parts, {ISSUER: OneKey(world.tokens.key)}, url)
    assert services.screen is not None
    services = replace(services, screen=replace(services.screen, now_ms=now_ms))
    assert services.screen is not None
    app = create_app(services, world.damage.append)
    mount_provider(app, config, url)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        yield Served(url, world, services.screen)
    finally:
        server.should_exit = True
        thread.join(10)
