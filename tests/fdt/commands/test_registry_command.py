"""``fdt registry``: what is registered, and what it says where an id means two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fdt.commands.contract.schema_registry import registry
from fdt.errors import RunFailed, UserError
from schemas.registry import listed
from tests.schemas.test_kept_file_ids import version
from tests.support.registry import Registry, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry that holds nothing, named in the environment."""
    with serving() as found:
        found.answers.clear()
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", found.url)
        yield found


@pytest.mark.usefixtures("server")
def test_every_version_is_registered_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Run again, it changes nothing."""
    registry(as_json=True)
    first = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in first] == list(listed())
    assert [line["record"] for line in first] == [schema["name"] for _, schema in listed().values()]
    registry(as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == first
    registry()
    told = f"{len(listed())} schemas are registered and guarded (BACKWARD_TRANSITIVE)."
    assert told in capsys.readouterr().out


def test_every_subject_is_guarded(server: Registry) -> None:
    """The registry refuses what would break its readers."""
    registry()
    guarded = {path.split("/")[2] for path in server.asked if path.startswith("/config/")}
    assert guarded == {subject for subject, _ in listed().values()}


def test_an_id_that_means_two_is_an_error_where_file_ids_are_kept(
    server: Registry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it is said, and forbids to keep them."""
    server.holds(3, version(listed()[3][1]))
    registry()
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("Id 3 means one thing in the files and another in the registry.")
    page = " ".join(Path("docs/how-to/containers.md").read_text(encoding="utf-8").split())
    assert said.removeprefix("Id 3 ") in page, "whoever runs the full profile meets it"
    monkeypatch.setenv("FDT_KEEP_FILE_IDS", "true")
    with pytest.raises(RunFailed, match="Id 3 means"):
        registry()


def test_no_registry_is_the_user_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is named, or none answers."""
    monkeypatch.delenv("SCHEMA_REGISTRY_URL", raising=False)
    with pytest.raises(UserError, match="SCHEMA_REGISTRY_URL is not set"):
        registry()
    with serving() as gone:
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", gone.url)
    with pytest.raises(UserError, match="does not answer"):
        registry()
