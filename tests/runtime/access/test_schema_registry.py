"""How the registry is reached: over TLS with a password, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from fdt.errors import UserError
from fdt.settings import HIDDEN, Settings, listing
from runtime.access.schema_registry import registry
from schemas.registry import (
    ConfluentRegistry,
    FileRegistry,
    KeptFileIds,
    RegistryUnavailable,
    current_schemas,
)
from tests.runtime.access.secured import Authority
from tests.support import registry as behind
from tests.support.registry_gateway import PASSWORD, USER, Gateway, gateway

USER_VARIABLE: Final = "FDT_SCHEMA_REGISTRY_USER"
PASSWORD_VARIABLE: Final = "FDT_SCHEMA_REGISTRY_PASSWORD_FILE"
CA_VARIABLE: Final = "FDT_SCHEMA_REGISTRY_CA_FILE"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the gateway's certificate."""
    return Authority.create(tmp_path_factory.mktemp("registry") / "authority")


@pytest.fixture(scope="module")
def guarded(authority: Authority) -> Iterator[Gateway]:
    """A registry behind TLS and a password."""
    with (
        behind.serving() as real,
        gateway(real.url, authority.issue("gateway", "127.0.0.1")) as before,
    ):
        yield before


@pytest.fixture
def right(
    authority: Authority, guarded: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The environment that opens it; the file with the password."""
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", guarded.url)
    monkeypatch.setenv(USER_VARIABLE, USER)
    monkeypatch.setenv(PASSWORD_VARIABLE, str(password))
    monkeypatch.setenv(CA_VARIABLE, str(authority.ca))
    return password


def test_a_password_and_an_authority_open_it(right: Path, guarded: Gateway) -> None:
    """From the environment, as every program has it."""
    found = registry(guarded.url)
    assert isinstance(found, ConfluentRegistry)
    with closing(found):
        assert found.schema_of(1) == current_schemas()["DspEvent"][1]
        assert found.id_of("DspEvent") == 1


def test_a_password_that_was_replaced_is_read_again(right: Path, guarded: Gateway) -> None:
    """Once the old one is refused, for the next question; a file that is gone changes nothing."""
    right.write_text("the old one")
    found = registry(guarded.url)
    assert isinstance(found, ConfluentRegistry)
    with closing(found):
        right.unlink()
        for _ in range(2):
            with pytest.raises(RegistryUnavailable):
                found.schema_of(1)
        right.write_text(PASSWORD)
        with pytest.raises(RegistryUnavailable):
            found.schema_of(1)
        assert found.schema_of(1) == current_schemas()["DspEvent"][1]


def test_without_the_password_it_says_which_setting(
    right: Path, guarded: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage: no record answers for it."""
    monkeypatch.delenv(USER_VARIABLE)
    monkeypatch.delenv(PASSWORD_VARIABLE)
    with pytest.raises(RegistryUnavailable, match=USER_VARIABLE):
        registry(guarded.url).schema_of(1)


def test_a_wrong_password_says_which_setting(right: Path, guarded: Gateway) -> None:
    """The same."""
    right.write_text("another")
    with pytest.raises(RegistryUnavailable, match=USER_VARIABLE):
        registry(guarded.url).schema_of(1)


def test_a_certificate_that_nobody_signed_is_told(
    right: Path, guarded: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the authority's own nothing is sent to it."""
    monkeypatch.delenv(CA_VARIABLE)
    with pytest.raises(RegistryUnavailable, match="certificate"):
        registry(guarded.url).schema_of(1)


WRONG: Final[dict[str, tuple[dict[str, str | None], str]]] = {
    "a user without a password": ({PASSWORD_VARIABLE: None}, "come together"),
    "a password without a user": ({USER_VARIABLE: None}, "come together"),
    "a password that is not there": ({PASSWORD_VARIABLE: "/not/there"}, "there is no such file"),
    "an empty password": ({PASSWORD_VARIABLE: "empty"}, "it is empty"),
    "an authority that is not there": ({CA_VARIABLE: "/not/there"}, "there is no such file"),
    "a password for all to read": ({"SCHEMA_REGISTRY_URL": "http://registry"}, "is not https"),
    "no registry": ({"SCHEMA_REGISTRY_URL": None}, "SCHEMA_REGISTRY_URL is not"),
    "file ids without a registry": (
        {
            "SCHEMA_REGISTRY_URL": None,
            USER_VARIABLE: None,
            PASSWORD_VARIABLE: None,
            CA_VARIABLE: None,
            "FDT_KEEP_FILE_IDS": "true",
        },
        "FDT_KEEP_FILE_IDS is set and SCHEMA_REGISTRY_URL is not",
    ),
}


@pytest.mark.usefixtures("right")
@pytest.mark.parametrize("what", WRONG)
def test_settings_that_contradict_each_other_are_refused(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sentence that names the variable, before anything is started."""
    changes, said = WRONG[what]
    (tmp_path / "empty").touch()
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, str(tmp_path / value) if value == "empty" else value)
    with pytest.raises(UserError, match=said):
        Settings()


def test_what_kind_of_registry_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files; a registry; a registry beside records of the files."""
    assert isinstance(registry(None), FileRegistry)
    assert isinstance(registry("http://registry"), ConfluentRegistry)
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://registry")
    monkeypatch.setenv("FDT_KEEP_FILE_IDS", "true")
    assert isinstance(registry("http://registry"), KeptFileIds)


def test_no_password_is_shown(right: Path) -> None:
    """Neither that of a file nor that of an address."""
    shown = {name: value for name, value, _ in listing(Settings())}
    assert PASSWORD not in str(shown)
    assert shown[PASSWORD_VARIABLE] == str(right)
    address = Settings(schema_registry_url="https://somebody:secret@registry")
    held = {name: value for name, value, _ in listing(address)}["SCHEMA_REGISTRY_URL"]
    assert held == f"https://somebody:{HIDDEN}@registry"
