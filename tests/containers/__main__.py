"""``make containers``: the whole system from the Compose file, on a real engine.

The image is built; broker, worker, read side and gateway start and become healthy by their own
checks; the simulated campaign is published and every item is as its plan says, though the worker
and then the read side are killed on the way; a person signs in through the gateway in Chromium and
searches. Times and the image's size are printed as JSON on the last line. Everything is removed at
the end but the images.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from fdt.up.plan_wait import Check
from fdt.up.simulation import SIMULATION_FILE, Simulation, read_simulation
from firmware_tracking_client import AuthenticatedClient
from sources.planning.plan import Plan, build_plan
from tests.browser.chromium import page_of, search, sign_in, started
from tests.containers import engine
from tests.containers.stand_ins import stand_in

GATEWAY: Final = "http://127.0.0.1:8080"
IMAGE: Final = engine.PROJECT
WITHIN_S: Final = 240.0
KILL_ALL: Final = "kill -9 -1"
"""Every process of the container but its first, which only waits for the others."""


def main() -> None:
    """Run all of it; exit code 1 if anything is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.containers", description=__doc__)
    parser.add_argument("--picture", type=Path, help="where the screen is put, as a PNG")
    parser.add_argument("--built", action="store_true", help="take the image that is there")
    asked = parser.parse_args()
    figures: dict[str, object] = {"engine": engine.require()}
    _say(f"on {figures['engine']}")
    figures["stand_ins"] = stand_in()
    if not asked.built:
        began = time.monotonic()
        engine.build(IMAGE, engine.ROOT)
        figures["build_s"] = round(time.monotonic() - began, 1)
    figures["image_mb"] = _size_mb(IMAGE)
    engine.compose("down", "--volumes")
    try:
        with engine.looked_after():
            _run(figures, asked.picture)
    except BaseException:
        print(engine.compose("logs", "--tail", "40"), file=sys.stderr)
        raise
    finally:
        engine.compose("down", "--volumes")
    print(json.dumps(figures))


def _run(figures: dict[str, object], picture: Path | None) -> None:
    began = time.monotonic()
    engine.compose("up", "--detach", "--no-build")
    figures["up_s"] = round(time.monotonic() - began, 1)
    _say("up; the worker is killed while events arrive")
    _kill("processor")
    _until(lambda: engine.state("simulate")["Status"] == "exited", "the campaign is published")
    if (code := engine.state("simulate")["ExitCode"]) != 0:
        raise SystemExit(f"the simulated sources ended with exit code {code}")
    _say("published; the read side is killed")
    _kill("read-side")
    figures["items"] = _settled()
    figures["settled_s"] = round(time.monotonic() - began, 1)
    for service in ("processor", "read-side"):
        figures[f"restarts_of_{service}"] = _restarts(service)
    _walk(picture)
    began = time.monotonic()
    engine.compose("stop", "processor", "read-side")
    figures["stop_s"] = round(time.monotonic() - began, 1)
    for service in ("processor", "read-side"):
        if (code := engine.state(service)["ExitCode"]) != 0:
            raise SystemExit(f"{service} did not end in order: exit code {code}")


def _kill(service: str) -> None:
    """As a crash: the engine is not asked to stop it, and has to notice."""
    engine.compose("exec", "--no-TTY", service, "sh", "-c", KILL_ALL + " || true")


def _settled() -> int:
    """How many items are as the plan says: all, or this fails with the first that differ."""
    simulation, plan = _campaign()
    _until(lambda: engine.state("read-side")["Health"]["Status"] == "healthy", "it is back")
    token = engine.compose(
        *("exec", "--no-TTY", "read-side", "fdt", "token", "--role", "service-centre")
    )
    with AuthenticatedClient(base_url=GATEWAY, token=token, timeout=httpx.Timeout(30)) as client:
        check = Check(client, plan, simulation)
        _until(check.over, "the items are compared with the plan")
    if check.found:
        raise SystemExit("\n".join(map(str, check.found[:10])))
    return len(plan.expected)


def _campaign() -> tuple[Simulation, Plan]:
    with tempfile.TemporaryDirectory() as scratch:
        source = f"{engine.PROJECT}-simulate-1:/var/lib/fdt/{SIMULATION_FILE}"
        engine.docker(["cp", source, f"{scratch}/{SIMULATION_FILE}"])
        simulation = read_simulation(Path(scratch))
    return simulation, build_plan(simulation.seed, simulation.requests, simulation.devices)


def _walk(picture: Path | None) -> None:
    """Sign in, search, look at the answer: as a person does, through the gateway."""
    _, plan = _campaign()
    request = plan.requests[0].request_id
    with started() as browser, page_of(browser, GATEWAY) as page:
        sign_in(page, "Chris Centre")
        page.wait_for_url("**/search")
        search(page, "Service Request ID", request)
        page.locator("table").first.wait_for()
        if picture is not None:
            page.screenshot(path=picture, full_page=True)
        if request not in "".join(page.locator("main").inner_text().split()):
            raise SystemExit(f"the screen does not show {request}")
    _say("a person signed in through the gateway and found the request")


def _restarts(service: str) -> int:
    """How often the engine has started a service again; at least once, for it was killed."""
    name = f"{engine.PROJECT}-{service}-1"
    restarts = int(engine.docker(["inspect", name, "--format", "{{.RestartCount}}"]))
    if restarts < 1:
        raise SystemExit(f"{service} was killed, and nobody started it again")
    return restarts


def _size_mb(image: str) -> int:
    return round(int(engine.docker(["image", "inspect", image, "--format", "{{.Size}}"])) / 1e6)


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {WITHIN_S:g} s")
        time.sleep(0.5)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
