"""docker-compose.yml and Dockerfile: valid by the specification, and in step with the code."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fdt.brokers.container import IMAGE
from fdt.brokers.kafka_config import ONE_NODE, as_variables
from fdt.cli import COMMANDS
from fdt.settings import Settings, variable
from runtime.access.address import is_loopback
from tests.query_api.world import World

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {variable(field) for field in Settings.model_fields}


def test_it_is_valid_by_the_compose_specification() -> None:
    """By the schema of the specification, as check-jsonschema carries it."""
    files = distribution("check-jsonschema").files or []
    schema = next(file for file in files if file.name == "compose-spec.json")
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []


def test_every_part_is_there() -> None:
    """Broker, topics, processor, read side and its gateway; the simulation only on request."""
    assert set(OURS) == {"topics", "processor", "read-side", "simulate"}
    assert set(SERVICES) - set(OURS) == {"kafka", "gateway"}
    assert [name for name in SERVICES if "profiles" in SERVICES[name]] == ["simulate"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all of them together are accepted."""
    environment = SERVICES[name]["environment"]
    assert environment.keys() <= SETTINGS
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    Settings()


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_a_command(name: str) -> None:
    """By the table of the command line."""
    assert SERVICES[name]["command"][0] in {command.name for command in COMMANDS}


def test_every_option_is_an_option_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    """As the command's own help lists them."""
    from fdt.cli import run

    for name in OURS:
        command, *options = SERVICES[name]["command"]
        run([command, "--help"])
        listed = capsys.readouterr().out
        assert all(f"{option.partition('=')[0]} " in listed for option in options)


def test_the_broker_is_the_one_that_tests_use() -> None:
    """The same image, and the same settings but for the listeners."""
    kafka = SERVICES["kafka"]
    assert kafka["image"] == IMAGE
    wanted = as_variables(ONE_NODE)
    del wanted["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]
    assert wanted.items() <= kafka["environment"].items()


def test_the_broker_is_reached_where_it_says() -> None:
    """By the other services under its name, from this machine on a published port."""
    told = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    advertised = dict(listener.split("://") for listener in told)
    for name in OURS:
        bootstrap = SERVICES[name]["environment"]["KAFKA_BOOTSTRAP_SERVERS"]
        assert bootstrap == advertised["PLAINTEXT"]
    port = advertised["HOST"].rpartition(":")[2]
    assert SERVICES["kafka"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_gateway_leads_to_the_read_side() -> None:
    """It forwards to the port that the read side listens on, in the same network namespace."""
    read_side, gateway = SERVICES["read-side"], SERVICES["gateway"]
    host, port = (read_side["environment"][name] for name in ("FDT_API_HOST", "FDT_API_PORT"))
    assert read_side["network_mode"] == "service:gateway"
    config = COMPOSE["configs"][gateway["configs"][0]["source"]]["content"]
    inside, target = re.findall(r"^:(\d+) \{|reverse_proxy (\S+) \{", config, re.MULTILINE)
    assert target[1] == f"{host}:{port}"
    assert "header_up -X-Forwarded-For" in config  # the development sign-in is for loopback alone
    assert gateway["ports"] == [f"127.0.0.1:8080:{inside[0]}"]


def test_development_tokens_are_only_taken_where_nobody_else_can_reach() -> None:
    """The read side of the development profile listens on its own machine alone."""
    environment = SERVICES["read-side"]["environment"]
    assert environment["FDT_PROFILE"] == "development"
    assert is_loopback(environment["FDT_API_HOST"])


def test_nothing_is_published_beyond_this_machine() -> None:
    """A development system is not for the network."""
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize(
    ("service", "port"),
    [("read-side", "FDT_API_PORT"), ("processor", "FDT_PROCESSOR_PORT")],
)
def test_the_health_check_asks_a_route_that_is_there(service: str, port: str) -> None:
    """On the port that the program listens on; that a worker serves the same route is shown in
    ``tests/processor/test_topics_while_running.py``."""
    check = SERVICES[service]["healthcheck"]["test"]
    assert check[:-1] == ["CMD", "python", "-m", "runtime.ready"]
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/\w+)", check[-1])
    assert found is not None
    assert found[1] == SERVICES[service]["environment"][port]
    assert found[2] in World().app().openapi()["paths"]


def test_what_waits_for_health_waits_for_a_check() -> None:
    """A service without one never becomes healthy."""
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]


def test_every_state_is_on_a_volume_of_its_own() -> None:
    """Broker, worker and view outlive their containers and never share a folder."""
    used = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])]
    assert sorted(used) == sorted(COMPOSE["volumes"])
    for name in ("processor", "read-side"):
        folder = SERVICES[name]["volumes"][0].split(":")[1]
        assert folder == SERVICES[name]["environment"]["FDT_DATA_DIR"]


def test_the_image_runs_as_nobody_in_particular_from_the_hashed_lock() -> None:
    """Not as root, and with nothing that the lock does not name."""
    assert re.search(r"^USER fdt$", DOCKERFILE, re.MULTILINE)
    image = DOCKERFILE.rpartition("FROM ")[2]
    assert (
        "/opt/fdt/bin/pip install --no-cache-dir --require-hashes -r requirements.image.lock"
        in (DOCKERFILE)
    )
    assert "COPY --from=build /opt/fdt /opt/fdt" in image
    assert "tools" not in image
    assert "FDT_DATA_DIR=/var/lib/fdt" in DOCKERFILE


@pytest.mark.parametrize("name", OURS)
def test_nothing_of_ours_may_more_than_it_must(name: str) -> None:
    """No capability, no way to another, and nothing to write but its volume and ``/tmp``."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_gets_every_package_and_nothing_else() -> None:
    """What .dockerignore lets through is what the wheel is built from."""
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    project = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = \[(.*)\]$", project, re.MULTILINE)
    assert packages is not None
    names = set(re.findall(r'"(\w+)["/]', packages[1]))
    locks = {"requirements.image.lock", "requirements.lock"}
    assert allowed == names | {"LICENSE", "README.md", "pyproject.toml", *locks}
