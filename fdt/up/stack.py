"""Starts the whole system on one machine for ``fdt up``, and ends it.

Broker, topics, processors and read side, then the simulated sources. Everything dies with this
process, and on Ctrl-C everything ends in the opposite order.
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console

from fdt.brokers.finding import AddressBroker, Broker, choose_broker
from fdt.errors import RunFailed, UserError
from fdt.kafka.published_schemas import ensure_schemas
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import port_is_free
from fdt.processes.interrupt import ends_on_signals
from fdt.processes.programs import READ_SIDE, SOURCES, Demand, processors, read_side, sources_of
from fdt.processes.supervisor import Say, Supervisor
from fdt.settings import Settings
from fdt.up.display import Display
from fdt.up.gauges import read_gauges
from fdt.up.plan_check import TIMELINES, Difference
from fdt.up.plan_wait import COLUMNS, Check, first
from fdt.up.read_side import read_side_client, read_side_url
from fdt.up.run_folder import run_folder
from fdt.up.simulation import SIMULATION_FILE, Simulation, read_simulation
from firmware_tracking_client import AuthenticatedClient
from firmware_tracking_client.api.operations import healthz
from query_api.api.middleware import ACCESS_LOG
from query_api.identity.access import Role
from query_api.identity.keys import DEVELOPMENT_KEY_FILE, DevelopmentKey
from sources.planning.plan import Plan, build_plan
from sources.planning.script import PlannedRequest
from sources.planning.vocabulary import SUPPLIERS

USUAL_SEED: Final = 7
LISTENING_SECONDS: Final = 60.0
ACCESS_LINES: Final = (" INFO answer: ", f'"logger": "{ACCESS_LOG}"')
"""Texts by which the read side's line for an answer is known, in either format of the log."""

CHECKS_PER_MINUTE: Final = 10_000_000
"""Look-ups allowed in a minute for the comparison with the plan, which reads every item."""

_LOOK_SECONDS: Final = 0.1
_GAUGES_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Settled:
    """The result of the comparison with the plan."""

    items: int
    timelines: int
    differences: list[Difference]


def run(settings: Settings, demand: Demand, console: Console) -> Settled | None:
    """Runs everything until Ctrl-C, which gives None, or until it is compared with the plan.

    :class:`~fdt.errors.UserError` if something is in the way, :class:`~fdt.errors.RunFailed` if a
    part fails.
    """
    if settings.profile != "development":
        raise UserError(
            f"FDT_PROFILE is {settings.profile}: fdt up is for development, with keys of its own; "
            "run fdt topics, fdt process and fdt serve."
        )
    require_port(settings)
    with ends_on_signals(), ExitStack() as stack:
        folder = stack.enter_context(run_folder(settings.data_dir, keep=demand.keep))
        display = stack.enter_context(Display(console))
        broker = choose_broker(
            settings,
            for_tests=False,
            folder=folder / "kafka",
            report=lambda line: display.say("broker", line),
        )
        stack.enter_context(_stopped(broker, display))
        display.say("broker", broker.describe())
        _create_topics(settings, broker)
        if settings.schema_registry_url is not None:
            ensure_schemas(settings)
        share_development_key(settings.data_dir, folder)
        here = settings.model_copy(
            update={
                "data_dir": folder,
                "kafka_bootstrap_servers": broker.bootstrap_servers,
                "searches_per_minute": CHECKS_PER_MINUTE
                if demand.until_settled
                else settings.searches_per_minute,
            }
        )
        supervisor = Supervisor(without_access_log(display.say))
        stack.callback(supervisor.stop_all)
        client = stack.enter_context(read_side_client(here))
        system = _System(here, demand, broker, supervisor, display, client)
        return system.run(_seed(demand, broker))
    return None


@dataclass(slots=True)
class _System:
    """Everything above the broker."""

    settings: Settings
    demand: Demand
    broker: Broker
    supervisor: Supervisor
    display: Display
    client: AuthenticatedClient
    gauges_due: float = 0.0

    def run(self, seed: int) -> Settled | None:
        """Starts all programs, then supervises them for as long as was asked."""
        # The read side first: what is started last is stopped first.
        for program in (read_side(self.settings), *processors(self.settings, self.demand)):
            self.supervisor.start(program)
        self._wait(self._listening, LISTENING_SECONDS)
        if self.demand.simulate:
            plan, simulation = self._simulate(seed)
            if self.demand.until_settled:
                return self._settle(plan, simulation)
        else:
            self.display.tell(welcome(self.settings, None))
        self._wait(lambda: False)
        return None

    def _simulate(self, seed: int) -> tuple[Plan, Simulation]:
        """Publishes everything; returns the plan and the run."""
        note = self.settings.data_dir / SIMULATION_FILE
        note.unlink(missing_ok=True)
        self.supervisor.start(sources_of(self.settings, self.demand, seed))
        self._wait(lambda: _is_whole(note) or self._published())
        simulation = read_simulation(note.parent)
        plan = build_plan(simulation.seed, simulation.requests, simulation.devices)
        self.display.tell(welcome(self.settings, plan.requests[0]))
        self._wait(self._published)
        self.display.tell("Everything is published.")
        return plan, simulation

    def _wait(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        """Supervises everything until ``done``."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not done():
            self.supervisor.tick()
            self.broker.require_running()
            if deadline is not None and time.monotonic() > deadline:
                raise RunFailed(
                    f"{read_side_url(self.settings)} does not answer after {seconds:g} s."
                )
            if time.monotonic() >= self.gauges_due:
                self.display.show(read_gauges(self.client.get_httpx_client()))
                self.gauges_due = time.monotonic() + _GAUGES_SECONDS
            time.sleep(_LOOK_SECONDS)

    def _listening(self) -> bool:
        try:
            return healthz.sync_detailed(client=self.client).status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False

    def _published(self) -> bool:
        code = self.supervisor.code(SOURCES)
        if code is None:
            return False
        if code != 0:
            raise RunFailed(f"The simulated sources ended with exit code {code}: see their lines.")
        return True

    def _settle(self, plan: Plan, simulation: Simulation) -> Settled:
        """Wait until the read side shows what the plan says, or nothing changes any more."""
        self.display.tell(f"Comparing {len(plan.expected):,} items with the plan.")
        check = Check(self.client, plan, simulation)
        self._wait(check.over)
        settled = Settled(len(plan.expected), min(TIMELINES, len(plan.expected)), check.found)
        if check.found:
            self.display.lines(first(check.found), COLUMNS)
        else:
            self.display.tell(
                f"Settled: all {settled.items:,} items are as the plan says, "
                f"and so are the {settled.timelines:,} timelines looked at."
            )
        return settled


def require_port(settings: Settings) -> None:
    """:class:`~fdt.errors.UserError` if the read side could not listen."""
    if not port_is_free(settings.api_port, settings.api_host):
        raise UserError(
            f"Port {settings.api_port} on {settings.api_host} is in use: stop what listens there, "
            "or choose another with --port."
        )


def _is_whole(note: Path) -> bool:
    """Whether the sources have finished writing what they are going to publish."""
    return note.exists() and note.read_text(encoding="utf-8").endswith("}\n")


def share_development_key(data_dir: Path, folder: Path) -> None:
    """The run signs with the key of the data folder, so that ``fdt token`` serves every run."""
    DevelopmentKey(data_dir)
    shutil.copy2(data_dir / DEVELOPMENT_KEY_FILE, folder / DEVELOPMENT_KEY_FILE)


def _create_topics(settings: Settings, broker: Broker) -> None:
    found = ensure_topics(broker.bootstrap_servers, specs_of(settings))
    if found:
        raise UserError(
            f"The topics on {broker.bootstrap_servers} differ from the settings, first "
            f"{found[0].topic}: {found[0].setting} is {found[0].actual} instead of "
            f"{found[0].expected}; fdt topics lists them all."
        )


def _seed(demand: Demand, broker: Broker) -> int:
    """The seed; topics that may hold a former simulation get another, else event ids would
    repeat."""
    if demand.seed is not None:
        return demand.seed
    if demand.keep or isinstance(broker, AddressBroker):
        return random.randrange(1_000_000)
    return USUAL_SEED


def welcome(settings: Settings, request: PlannedRequest | None) -> str:
    """Where the screen and the read side are, how to get in, and what to ask."""
    url, user_id, asked = read_side_url(settings), SUPPLIERS[0], "SERVICE-REQUEST-ID"
    if request is not None:
        user_id, asked = request.originator, request.request_id
    role = f"--user-id {user_id} --role {Role.SUPPLIER}"
    data_dir = settings.data_dir.parent
    variable = "" if data_dir == Path(".fdt").absolute() else f"FDT_DATA_DIR={data_dir} "
    token = f"{variable}{_script()} token {role}"
    return "\n".join(
        [
            "",
            f"The screen: {url}",
            f"  Sign in there as Sam Supplier, and search for the Service Request ID {asked}",
            f"Read side: {url}/v1 (its contract: {url}/openapi.json)",
            f"A token of a supplier: {token}",
            "A first question:",
            f'  curl -H "Authorization: Bearer $({token})" {url}/v1/service-requests/{asked}',
            "Ctrl-C ends everything.",
            "",
        ]
    )


def _script() -> str:
    """``fdt`` as it can be typed here."""
    here = Path(sys.executable).with_name("fdt")
    if shutil.which("fdt") or not here.exists():
        return "fdt"
    return str(here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here)


def without_access_log(say: Say) -> Say:
    """Leaves out the read side's line for each answer: our own questions would hide the rest."""

    def said(name: str, line: str) -> None:
        if not (name == READ_SIDE and any(mark in line for mark in ACCESS_LINES)):
            say(name, line)

    return said


@contextmanager
def _stopped(broker: Broker, display: Display) -> Iterator[None]:
    """The broker, started; stopped after everything that uses it."""
    with broker:
        try:
            yield
        finally:
            display.say("broker", "stopping")
