"""``fdt up``: the whole system on this machine, from the broker to the read side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from fdt.errors import INTERRUPTED, RunFailed
from fdt.processes.programs import MOST_WORKERS, Demand
from fdt.report import AsJson, Report
from fdt.settings import Settings
from fdt.up.stack import Settled, run


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """One thing that the read side shows otherwise than the plan says."""

    service_request_id: Annotated[str, "The request."]
    device_id: Annotated[str, "The device."]
    what: Annotated[str, "The field, such as `status`."]
    expected: Annotated[str, "What the plan says."]
    shown: Annotated[str, "What is shown."]


@dataclass(frozen=True, slots=True)
class SettledLine:
    """With `--until-settled`: what the comparison with the plan came to."""

    settled: Annotated[bool, "Whether every item is as the plan says."]
    items: Annotated[int, "Items compared."]
    timelines: Annotated[int, "Timelines compared, once all else is equal."]
    differences: Annotated[list[DifferenceLine], "What is not as the plan says."]


LINES: Final = (SettledLine,)


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
    as_json: AsJson = False,
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
    if as_json and not until_settled:
        raise typer.BadParameter("--json needs --until-settled: else there is nothing to report.")
    report = Report(as_json)
    settled = run(settings, demand, report.console())
    if settled is not None:
        tell(report, settled)
    elif until_settled:
        raise typer.Exit(INTERRUPTED)


def tell(report: Report, settled: Settled) -> None:
    """Print the result for programs; :class:`~fdt.errors.RunFailed` if something differs."""
    found = [
        DifferenceLine(one.request_id, one.device_id, one.what, one.expected, one.shown)
        for one in settled.differences
    ]
    report.objects([SettledLine(not found, settled.items, settled.timelines, found)])
    if found:
        raise RunFailed(f"{len(found):,} differences from the plan, of {settled.items:,} items.")
