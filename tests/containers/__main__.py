"""``make containers``: a whole system from the Compose file, on a real engine.

The image is built and looked into; everything starts and becomes healthy by its own checks; the
simulated campaign is published and every item is as its plan says, though a worker and then a read
side are killed on the way; a person uses the screen through the gateway in Chromium; the parts end
in order. ``ARGS=--full`` takes the profile ``full`` instead of ``demo``. ``ARGS=--broker`` runs
tests with a broker in a container instead. Times and the image's size are printed as JSON on the
last line. Everything is removed at the end but the images.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from fdt.brokers.container import IMAGE as KAFKA
from tests.containers import broker, demo, engine, full
from tests.containers.stand_ins import PYTHON, RYUK, stand_in
from tests.containers.system import say, timed
from tests.supply_chain.image import scan

IMAGE: Final = engine.PROJECT


def main() -> None:
    """Run all of it; exit code 1 if anything is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.containers", description=__doc__)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--full", action="store_true", help="the profile full instead of demo")
    kinds.add_argument("--broker", action="store_true", help="tests with a broker in a container")
    parser.add_argument("--picture", type=Path, help="where the screen is put, as a PNG")
    parser.add_argument("--built", action="store_true", help="take the image that is there")
    asked = parser.parse_args()
    figures: dict[str, object] = {"engine": engine.require()}
    say(f"on {figures['engine']}")
    if asked.broker:
        figures |= _with_a_broker()
    else:
        figures |= _with_a_system(asked.full, asked.built, asked.picture)
    print(json.dumps(figures))


def _with_a_broker() -> dict[str, object]:
    made, _ = stand_in({PYTHON, KAFKA, RYUK})
    environment = {k: v for k, v in os.environ.items() if k != "KAFKA_BOOTSTRAP_SERVERS"}
    # In what looks like a container, testcontainers asks for what Podman does not say.
    environment.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
    files = [broker.__file__, *broker.ALSO]
    command = [sys.executable, "-m", "pytest", "--quiet", *files]
    took = timed(lambda: subprocess.run(command, cwd=engine.ROOT, env=environment, check=True))
    return {"stand_ins": made, "tests_s": took}


def _with_a_system(is_full: bool, built: bool, picture: Path | None) -> dict[str, object]:
    system, try_out = (full.SYSTEM, full.try_out) if is_full else (demo.SYSTEM, demo.try_out)
    if is_full:
        full.prepare()
    images = system.images()
    made, missing = stand_in({PYTHON, *images.values()} - {IMAGE})
    figures: dict[str, object] = {"stand_ins": made, "left_out": missing}
    if not built:
        figures["build_s"] = timed(lambda: engine.build(IMAGE, engine.ROOT))
    figures["image_mb"], figures["packages"] = _size_mb(IMAGE), scan(IMAGE, engine.ROOT / "dist")
    services = [name for name, image in images.items() if image not in missing]
    system.compose("down", "--volumes")
    try:
        with engine.looked_after():
            return figures | try_out(services, picture)
    except BaseException:
        print(system.compose("logs", "--tail", "40"), file=sys.stderr)
        raise
    finally:
        system.compose("down", "--volumes")


def _size_mb(image: str) -> int:
    return round(int(engine.docker(["image", "inspect", image, "--format", "{{.Size}}"])) / 1e6)


if __name__ == "__main__":
    main()
