"""``fdt up``: the whole system on this machine, from the broker to the read side."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from fdt.programs import Demand
from fdt.settings import Settings
from fdt.stack import run

MOST_WORKERS = 16


def up(
    requests: Annotated[
        int | None, typer.Option(min=1, help="Update Firmware requests to simulate.")
    ] = None,
    devices: Annotated[int | None, typer.Option(min=1, help="Devices over all requests.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed: the same one, the same events.")
    ] = None,
    speed: Annotated[float | None, typer.Option(help="Virtual hours an hour.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Most records a second over all sources.")
    ] = None,
    until_settled: Annotated[
        bool,
        typer.Option("--until-settled", help="Compare with the plan at the end, and exit 0 or 1."),
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the read side.")
    ] = None,
    simulate: Annotated[bool, typer.Option(help="Run the simulated sources.")] = True,
    workers: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="Processors.")] = 1,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on with the data of the last run.")
    ] = False,
) -> None:
    """Run everything on this machine until Ctrl-C, from the broker to the read side."""
    settings = Settings() if port is None else Settings(api_port=port)
    demand = Demand(
        requests=requests,
        devices=devices,
        seed=seed,
        speed=speed,
        rate=rate,
        simulate=simulate,
        until_settled=until_settled,
        workers=workers,
        keep=keep,
    )
    if until_settled and not simulate:
        raise typer.BadParameter("--until-settled needs the simulated sources.")
    run(settings, demand, Console())
