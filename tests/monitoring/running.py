"""A worker, a read side, and a real Prometheus that scrapes them as ``monitoring/`` says."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from fdt.processes.children import LOCALHOST, free_port, port_is_free
from tests.monitoring.tools import MONITORING, program
from tests.support.processes import running

WITHIN_S: Final = 60.0


@dataclass(frozen=True)
class Prometheus:
    """Asked over HTTP, as Grafana asks it."""

    api: httpx.Client

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an expression; its values as text under ``value``."""
        answer = self.api.get("/api/v1/query", params={"query": expr}).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def holds(self, expr: str) -> bool:
        """Whether an expression has a series now."""
        return bool(self.query(expr))

    def firing(self) -> set[str]:
        """The alerts that fire."""
        alerts = self.api.get("/api/v1/alerts").json()["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def until_firing(self, *alerts: str) -> None:
        """Wait until these fire."""
        until(lambda: set(alerts) <= self.firing(), self.firing)

    def until_nothing_fires(self, *alerts: str) -> None:
        """Wait until none of these fires: an alert ends with the evaluation after its cause."""
        until(lambda: self.firing().isdisjoint(alerts), self.firing)

    def until_value(self, expr: str, expected: float) -> None:
        """Wait until an expression of one series has this value: a scrape is a second behind."""
        until(lambda: self._values(expr) == [expected], lambda: (expr, self._values(expr)))

    def _values(self, expr: str) -> list[float]:
        return [float(each["value"][1]) for each in self.query(expr)]


@dataclass(frozen=True)
class System:
    """What runs, and where."""

    folder: Path
    bootstrap: str
    worker: subprocess.Popen[bytes]
    workers: tuple[str, ...]
    """Addresses of the workers."""
    read_side: str
    read_side_port: int
    prometheus: Prometheus

    def told(self) -> list[str]:
        """The last words of each program's log, for a test that waited in vain."""
        logs = sorted(self.folder.glob("*.log"))
        return [f"{log.name}: {log.read_text('utf-8')[-2_000:]}" for log in logs]

    def exposed(self) -> dict[str, str]:
        """Address -> what it answers at ``/metrics``."""
        return {each: get(f"{each}/metrics") for each in (*self.workers, self.read_side)}


def get(url: str) -> str:
    """What an address answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def until(holds: Callable[[], bool], instead: Callable[[], object] = lambda: None) -> None:
    """Wait for what must come about; ``instead``: what to say was there when it did not."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, instead()
        time.sleep(0.2)


@contextmanager
def system(bootstrap: str, folder: Path, workers: int | None = None) -> Iterator[System]:
    """All of it over topics that are there; ``workers`` under supervision, or one alone."""
    first, api, own = _ports(workers or 1)
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "FDT_DATA_DIR": str(folder),
        "FDT_PROCESSOR_PORT": str(first),
        "FDT_API_PORT": str(api),
        "FDT_IDLE_CONTROL_INTERVAL": "2",
    }
    supervised = [] if workers is None else ["--workers", str(workers)]
    ports = range(first, first + (workers or 1))
    with ExitStack() as held:
        process = held.enter_context(
            running("process", *supervised, log=folder / "worker.log", **environment)
        )
        held.enter_context(running("serve", log=folder / "serve.log", **environment))
        held.enter_context(_scraping(folder, own, list(ports), api))
        client = held.enter_context(httpx.Client(base_url=f"http://{LOCALHOST}:{own}"))
        found = System(
            folder,
            bootstrap,
            process,
            tuple(f"http://{LOCALHOST}:{port}" for port in ports),
            f"http://{LOCALHOST}:{api}",
            api,
            Prometheus(client),
        )
        until(lambda: _answers(client), found.told)
        until(lambda: len(found.prometheus.query("up == 1")) == len(ports) + 1, found.told)
        until(lambda: len(found.prometheus.query("fdt_ready == 1")) == len(ports) + 1, found.told)
        yield found


def _ports(workers: int) -> tuple[int, int, int]:
    """The first of ``workers`` ports in a row, and two more, all of them free."""
    while True:
        first, api, own = free_port(), free_port(), free_port()
        row = range(first, first + workers)
        if api != own and not {api, own} & {*row} and all(map(port_is_free, row)):
            return first, api, own


@contextmanager
def _scraping(folder: Path, port: int, workers: list[int], api: int) -> Iterator[None]:
    """Prometheus with our configuration, but each second, and alerts that do not wait."""
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    targets = {"fdt-worker": workers, "fdt-read-side": [api]}
    for job in config["scrape_configs"]:
        named = [f"{LOCALHOST}:{each}" for each in targets.pop(job["job_name"])]
        job["static_configs"] = [{"targets": named}]
    assert not targets
    rules = (MONITORING / "alerts.yml").read_text("utf-8")
    hasty = re.sub(r"^( +for:) \w+$", r"\1 1s", rules, flags=re.MULTILINE)
    (folder / "alerts.yml").write_text(hasty)
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    words = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={LOCALHOST}:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").is_success
    except httpx.TransportError:
        return False
