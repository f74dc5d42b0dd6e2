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
ONE_NODE_OF_ALL = {"kafka", "topics", "processor", "gateway", "read-side"}
FULL = {
    *("kafka-1", "kafka-2", "kafka-3", "registry", "create-topics", "register-schemas"),
    *("processor-1", "processor-2", "read-side-1", "read-side-2", "balancer", "keycloak"),
    *("prometheus", "grafana"),
}
ONCE = {"topics", "create-topics", "register-schemas", "simulate", "campaign"}
"""Services that do one thing and end."""
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {variable(field) for field in Settings.model_fields}


def test_it_is_valid_by_the_compose_specification() -> None:
    """By the schema of the specification, as check-jsonschema carries it."""
    files = distribution("check-jsonschema").files or []
    schema = next(file for file in files if file.name == "compose-spec.json")
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []


def test_every_part_is_there() -> None:
    """In its profile; a simulation only on request; and ``.env`` names one node of everything."""
    profiles: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for profile in service["profiles"]:
            profiles.setdefault(profile, set()).add(name)
    assert profiles == {
        "one-node": ONE_NODE_OF_ALL,
        "demo": ONE_NODE_OF_ALL | {"simulate"},
        "full": FULL,
        "campaign": {"campaign"},
    }
    assert "COMPOSE_PROFILES=one-node" in (ROOT / ".env").read_text().splitlines()


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And all of them together are accepted, with the secrets that the service has."""
    environment = SERVICES[name]["environment"]
    assert environment.keys() <= SETTINGS
    for key, value in environment.items():
        folder, _, secret = value.rpartition("/")
        if folder == "/run/secrets":
            assert secret in SERVICES[name]["secrets"]
            (tmp_path / secret).write_text("s" * 48)
            value = str(tmp_path / secret)
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
    for name in {*OURS} & {*ONE_NODE_OF_ALL, "simulate"}:
        bootstrap = SERVICES[name]["environment"]["KAFKA_BOOTSTRAP_SERVERS"]
        assert bootstrap == advertised["PLAINTEXT"]
    port = advertised["HOST"].rpartition(":")[2]
    assert SERVICES["kafka"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_gateway_leads_to_the_read_side() -> None:
    """It forwards to the port that the read side listens on, in the same network namespace."""
    read_side, gateway = SERVICES["read-side"], SERVICES["gateway"]
    host, port = (read_side["environment"][name] for name in ("FDT_API_HOST", "FDT_API_PORT"))
    assert read_side["network_mode"] == "service:gateway"
    config = (ROOT / COMPOSE["configs"][gateway["configs"][0]["source"]]["file"]).read_text()
    (inside, target), *_ = re.findall(r"^:(\d+) \{\n\treverse_proxy (\S+) \{", config, re.MULTILINE)
    assert target == f"{host}:{port}"
    assert "header_up -X-Forwarded-For" in config  # the development sign-in is for loopback alone
    assert gateway["ports"] == [f"127.0.0.1:8080:{inside}"]


def test_development_tokens_are_only_taken_where_nobody_else_can_reach() -> None:
    """The read side of the development profile listens on its own machine alone."""
    environment = SERVICES["read-side"]["environment"]
    assert environment["FDT_PROFILE"] == "development"
    assert is_loopback(environment["FDT_API_HOST"])


def test_nothing_is_published_beyond_this_machine() -> None:
    """A development system is not for the network."""
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("service", [name for name in OURS if name not in ONCE])
def test_the_health_check_asks_a_route_that_is_there(service: str) -> None:
    """On the port that the program listens on; that a worker serves the same route is shown in
    ``tests/processor/test_topics_while_running.py``."""
    port = "FDT_API_PORT" if "read-side" in service else "FDT_PROCESSOR_PORT"
    check = SERVICES[service]["healthcheck"]["test"]
    assert check[:-1] == ["CMD", "python", "-m", "runtime.ready"]
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/\w+)", check[-1])
    assert found is not None
    assert found[1] == SERVICES[service]["environment"][port]
    assert found[2] in World().app().openapi()["paths"]


def test_whatever_stays_has_a_health_check_and_is_started_again() -> None:
    """What does one thing and ends has neither. No word of a check has a space in it: there are
    engines that part a check at them."""
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) is (name not in ONCE)
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
        words = service.get("healthcheck", {}).get("test", [])
        assert all(" " not in word for word in words)


def test_what_is_waited_for_is_in_the_same_system() -> None:
    """A campaign beside the others is the one that asks for another profile."""
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            assert {*service["profiles"]} <= {*SERVICES[other]["profiles"], "campaign"}
            ends = wait["condition"] == "service_completed_successfully"
            assert ends is (other in ONCE), name


def test_every_state_is_on_a_volume_of_its_own() -> None:
    """Whatever keeps something outlives its container, and never shares a folder."""
    used = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])]
    assert sorted(used) == sorted(COMPOSE["volumes"])
    for name in {*OURS} - ONCE:
        folder = SERVICES[name]["volumes"][0].split(":")[1]
        assert folder == SERVICES[name]["environment"]["FDT_DATA_DIR"]


def test_every_part_has_its_bounds() -> None:
    """No capability that it does not need, no way to another, bounded memory, processes and log."""
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"]
        assert service.get("cap_add", []) == (
            ["NET_BIND_SERVICE"] if service["image"].startswith("caddy:") else []
        )
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert service["logging"]["options"]["max-size"]
        assert "stop_grace_period" in service or name not in OURS


def test_the_image_runs_as_nobody_in_particular_from_the_hashed_lock() -> None:
    """Not as root, and with nothing that the lock does not name."""
    assert re.search(r"^USER fdt$", DOCKERFILE, re.MULTILINE)
    image = DOCKERFILE.rpartition("FROM ")[2]
    told = " ".join(DOCKERFILE.replace("\\\n", "").split())
    assert (
        "/opt/tools/bin/pip --python /opt/fdt/bin/python install --no-cache-dir --require-hashes "
        "-r requirements.image.lock"
    ) in told
    assert "venv --without-pip /opt/fdt" in told
    assert "COPY --from=build /opt/fdt /opt/fdt" in image
    assert "tools" not in image
    assert "FDT_DATA_DIR=/var/lib/fdt" in DOCKERFILE


@pytest.mark.parametrize("name", OURS)
def test_nothing_of_ours_writes_but_its_volume(name: str) -> None:
    """And ``/tmp``, which is memory."""
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["tmpfs"] == ["/tmp"]


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
