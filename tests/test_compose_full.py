"""Profile ``full`` of docker-compose.yml: its parts know each other, and its secrets are files."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fdt.brokers.kafka_config import ONE_NODE, as_variables
from fdt.settings import Settings
from tests.chaos.cluster import COPIES, NODES
from tests.support import apicurio, keycloak
from tests.test_compose import COMPOSE, OURS, ROOT, SERVICES

WORKERS = [name for name in SERVICES if name.startswith("processor-")]
READ_SIDES = [name for name in SERVICES if name.startswith("read-side-")]
BROKERS = [name for name in SERVICES if name.startswith("kafka-")]
CADDY = (ROOT / "deploy" / "balancer.caddy").read_text()
REALM: dict[str, Any] = json.loads((ROOT / "deploy" / "realm.json").read_text())


def _variable(service: str, name: str) -> str:
    value: str = SERVICES[service]["environment"][name]
    return value


def test_the_nodes_are_set_up_as_those_that_tests_kill() -> None:
    """Copies on all three, two of them in step; each under its own name."""
    wanted = as_variables({**ONE_NODE, **COPIES})
    for name in ("KAFKA_NODE_ID", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"):
        del wanted[name]
    assert len(BROKERS) == NODES
    for number, node in enumerate(BROKERS, 1):
        assert wanted.items() <= SERVICES[node]["environment"].items()
        assert _variable(node, "KAFKA_NODE_ID") == str(number)
        assert _variable(node, "KAFKA_ADVERTISED_LISTENERS") == f"PLAINTEXT://{node}:9092"
        voters = ",".join(f"{n}@{name}:9093" for n, name in enumerate(BROKERS, 1))
        assert _variable(node, "KAFKA_CONTROLLER_QUORUM_VOTERS") == voters


def test_everything_of_ours_is_set_up_alike() -> None:
    """The same brokers, topics and registry; production, with every copy that there can be."""
    shared = ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "FDT_PARTITIONS")
    ours = [name for name in OURS if {*SERVICES[name]["profiles"]} & {"full", "campaign"}]
    for name in ours:
        assert all(_variable(name, one) == _variable("create-topics", one) for one in shared)
        assert _variable(name, "FDT_PROFILE") == "production"
        assert _variable(name, "FDT_REPLICATION") == str(NODES)
    brokers = _variable("create-topics", "KAFKA_BOOTSTRAP_SERVERS")
    assert brokers == ",".join(f"{node}:9092" for node in BROKERS)
    assert _variable("registry", "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS") == brokers


@pytest.mark.parametrize(
    ("services", "name"), [(WORKERS, "FDT_WORKER_NAME"), (READ_SIDES, "FDT_READ_VIEW_NAME")]
)
def test_each_has_a_name_of_its_own_and_else_nothing(services: list[str], name: str) -> None:
    """So that a third is made by copying one."""
    assert len(services) == 2
    assert len({_variable(service, name) for service in services}) == len(services)
    first, second = ({**SERVICES[service]["environment"]} for service in services)
    del first[name], second[name]
    assert first == second


def test_the_gateway_asks_every_read_side() -> None:
    """In turn, and by their readiness; nothing for operators is reached through it."""
    named = re.findall(r"reverse_proxy (.+) \{", CADDY)
    assert named == [" ".join(f"{s}:{_variable(s, 'FDT_API_PORT')}" for s in READ_SIDES)]
    assert "lb_policy round_robin" in CADDY
    assert "health_uri /readyz" in CADDY
    assert "@inside path /metrics /healthz /readyz" in CADDY


def test_browsers_and_read_sides_know_one_address_of_each() -> None:
    """Inside, the names lead to the gateway, on the very port that this machine has."""
    sites = re.findall(r"^https://(\S+):(\d+) \{", CADDY, re.MULTILINE)
    screen, provider = (f"https://{name}:{port}" for name, port in sites)
    aliases = SERVICES["balancer"]["networks"]["default"]["aliases"]
    assert aliases == [name for name, _ in sites]
    assert SERVICES["balancer"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in {sites[0][1]}]
    assert _variable("keycloak", "KC_HOSTNAME") == provider
    assert _variable("keycloak", "SCREEN_URL") == screen
    for service in READ_SIDES:
        assert _variable(service, "FDT_PUBLIC_URL") == screen
        assert _variable(service, "FDT_OIDC_ISSUER") == f"{provider}/realms/{REALM['realm']}"


def test_the_provider_says_what_the_read_sides_ask_for() -> None:
    """The client, the claims and the audience are those of the settings."""
    settings = Settings()
    screen, operator = REALM["clients"]
    assert screen["clientId"] == _variable(READ_SIDES[0], "FDT_OIDC_CLIENT_ID")
    claims = [mapper["config"].get("claim.name") for mapper in screen["protocolMappers"]]
    assert claims == [settings.oidc_roles_claim, settings.oidc_user_ids_claim]
    audiences = [
        mapper["config"].get("included.custom.audience") for mapper in operator["protocolMappers"]
    ]
    assert settings.oidc_audience in audiences


def test_a_realm_holds_no_secret() -> None:
    """Each is filled in from a variable, which Keycloak's own start reads from a file."""
    text = json.dumps(REALM)
    start = (ROOT / "deploy" / "keycloak.sh").read_text()
    read = dict(re.findall(r"^(\w+)=\$\(< /run/secrets/([\w.-]+)\)$", start, re.MULTILINE))
    given = {*read, *SERVICES["keycloak"]["environment"]}
    assert {*re.findall(r"\$\{(\w+)\}", text)} == given & {*re.findall(r"\$\{(\w+)\}", text)}
    secrets = re.findall(r'"(?:secret|value)": "([^"]+)"', text)
    assert secrets
    assert all(re.fullmatch(r"\$\{\w+\}", one) for one in secrets)
    assert {*read.values(), "ca.pem"} == {*SERVICES["keycloak"]["secrets"]}


def test_every_secret_is_made_once_and_closed_away(tmp_path: Path) -> None:
    """By ``deploy/secrets.sh``: a second run changes nothing."""
    script = shutil.copy(ROOT / "deploy" / "secrets.sh", tmp_path)

    def run() -> dict[str, bytes]:
        subprocess.run(["sh", script], check=True, capture_output=True)
        return {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}

    made = run()
    assert run() == made
    assert {*made} == {*COMPOSE["secrets"], "ca.key"}
    assert {name: secret["file"] for name, secret in COMPOSE["secrets"].items()} == {
        name: f"deploy/secrets/{name}" for name in COMPOSE["secrets"]
    }
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secrets" / "ca.key").stat().st_mode) == 0o600


def test_no_variable_holds_a_secret() -> None:
    """Whoever may look at a container sees its variables."""
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|KEYS?_", name):
                assert value.startswith("/run/secrets/")


def test_prometheus_asks_every_process() -> None:
    """Where they serve what they measure, for other machines too."""
    told = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    asked = {
        t for job in told["scrape_configs"] for s in job["static_configs"] for t in s["targets"]
    }
    workers = {f"{name}:{_variable(name, 'FDT_PROCESSOR_PORT')}" for name in WORKERS}
    jobs = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())["scrape_configs"]
    names = [job["job_name"] for job in told["scrape_configs"]]
    assert names == [job["job_name"] for job in jobs]  # rules and dashboard go by them
    assert asked == workers | {f"{name}:{_variable(name, 'FDT_API_PORT')}" for name in READ_SIDES}
    assert {_variable(name, "FDT_PROCESSOR_HOST") for name in WORKERS} == {"0.0.0.0"}
    assert {_variable(name, "FDT_API_HOST") for name in READ_SIDES} == {"0.0.0.0"}


def test_the_programs_of_others_are_those_that_tests_run() -> None:
    """In the same versions."""
    assert SERVICES["keycloak"]["image"].endswith(f":{keycloak.VERSION}")
    assert SERVICES["registry"]["image"].endswith(f":{apicurio.VERSION}")


def test_every_file_that_is_mounted_is_there() -> None:
    """And used by somebody."""
    used = {config["source"] for s in SERVICES.values() for config in s.get("configs", [])}
    assert used == {*COMPOSE["configs"]}
    assert all((ROOT / config["file"]).is_file() for config in COMPOSE["configs"].values())
    assert {name for s in SERVICES.values() for name in s.get("secrets", [])} == {
        *COMPOSE["secrets"]
    }


def test_a_command_for_one_part_leaves_the_others_as_they_are() -> None:
    """Without ``--no-deps`` Compose may make all three Kafka nodes anew at once."""
    page = (ROOT / "docs" / "how-to" / "containers.md").read_text()
    asked = re.findall(
        r"^\$? *(?:[A-Z_]+=\S+ )*docker compose .*|`docker compose [^`]*`", page, re.MULTILINE
    )
    ups = [command.strip("`$ ").partition(" up ")[2].split() for command in asked]
    of_parts = [words for words in ups if any(not word.startswith("--") for word in words)]
    assert len(of_parts) >= 5
    assert [words for words in of_parts if "--no-deps" not in words] == []


def test_every_part_is_given_time_to_end() -> None:
    """An engine may kill at once what says no time (Podman 4.3 does)."""
    assert [name for name, service in SERVICES.items() if "stop_grace_period" not in service] == []
