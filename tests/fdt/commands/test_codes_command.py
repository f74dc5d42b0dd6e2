"""``fdt codes``: what is in force, whether a changed copy can be used, and what it would change."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from fdt.cli import run
from projections.catalogue import load_catalogue
from projections.views import ItemView
from sources.planning.plan import Plan, build_plan
from tests.support.plans import publish
from tests.support.processes import running
from tests.support.topics import Table, create_anew, wait_until_read

IN_FORCE = (resources.files("projections") / "catalogue.toml").read_text(encoding="utf-8")
VERSION = load_catalogue().version
DELIVERED = 'code = "N60"\nstatus = "Successful CH Transfer"'
UNDELIVERED = 'code = "N60"\nstatus = "Failed CH Transfer"'


def changed(tmp_path: Path, *pairs: tuple[str, str]) -> str:
    """A copy of the catalogue in force with other words, and the version ``next``."""
    text = IN_FORCE
    for old, new in (*pairs, (f'"{VERSION}"', '"next"')):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "changed.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_the_catalogue_in_force_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Source, code, status, reason, next step and how sure, for every meaning."""
    assert run(["codes"]) == 0
    out = capsys.readouterr().out
    assert f"Catalogue {VERSION}: {len(load_catalogue().rows)} meanings, no error." in out
    line = next(line for line in out.splitlines() if "8F89/2" in line)
    for word in ("Comms Hub", "Not Delivered at HAN", "hardware version", "likely"):
        assert word in line


def test_the_catalogue_in_force_may_be_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FDT_CATALOGUE_PATH: nothing in the code is touched."""
    monkeypatch.setenv("FDT_CATALOGUE_PATH", changed(tmp_path))
    assert run(["codes"]) == 0
    assert "Catalogue next: " in capsys.readouterr().out


def test_another_catalogue_is_compared_with_the_one_in_force(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Code by code: other statuses, other words, what is new and what is gone."""
    file = changed(
        tmp_path,
        (DELIVERED, UNDELIVERED),
        ("The device did not respond", "No answer"),
        ('code = "N18"', 'code = "N20"'),
    )
    assert run(["codes", file, "--compare"]) == 0
    out = capsys.readouterr().out
    lines = {line.split("\t")[1]: line for line in out.splitlines() if line.count("\t") == 3}
    assert "Successful CH Transfer" in lines["N60"]
    assert "Failed CH Transfer" in lines["N60"]
    assert "text: No answer" in lines["E21"]
    assert "unknown: to the dead letters" in lines["N18"].split("\t")[3]
    assert "unknown: to the dead letters" in lines["N20"].split("\t")[2]
    assert f"next reads 4 codes otherwise than {VERSION}." in out


def test_a_catalogue_that_cannot_be_used_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With the file, the row and what to mend; exit code 2."""
    file = changed(tmp_path, ('status = "Failed CH Transfer"', 'status = "Lost"'))
    assert run(["codes", file]) == 2
    assert "changed.toml: CH-TRANSFER-FAILED has status 'Lost'" in capsys.readouterr().err


def test_to_compare_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Which it says."""
    assert run(["codes", "--compare"]) == 2
    assert "fdt codes FILE --compare" in capsys.readouterr().err


def test_the_stored_rows_that_would_change_are_named_beforehand(
    fresh_topics: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the command foretells is what a processor under that catalogue makes of the events."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", fresh_topics)
    plan = build_plan(seed=3, requests=2, devices=200)
    before = processed(plan, fresh_topics, tmp_path / "before")
    file = changed(tmp_path, (DELIVERED, UNDELIVERED))
    assert run(["codes", file, "--rows"]) == 0
    lines = capsys.readouterr().out.splitlines()
    create_anew(fresh_topics)
    after = processed(plan, fresh_topics, tmp_path / "after", FDT_CATALOGUE_PATH=file).items()
    moves = {
        f"{item.device_id} {item.service_request_id} {move(item, after[key])}"
        for key, item in before.items().items()
        if item.evidence.event_id != after[key].evidence.event_id
        or item.status != after[key].status
    }
    assert moves
    assert {line for line in lines if line.startswith("00-DB")} == moves
    total = next(line for line in lines if "stored rows would change" in line)
    assert total.endswith(
        f"of {len(before.rows)} stored rows would change, and {len(moves)} of their items:"
    )


def processed(plan: Plan, bootstrap: str, folder: Path, **environment: str) -> Table:
    """The table that a processor makes of the plan."""
    folder.mkdir()
    publish(plan, bootstrap, 4)
    with running("process", log=folder / "log", FDT_DATA_DIR=str(folder), **environment):
        return wait_until_read(bootstrap, len(plan.publications))


def told(item: ItemView) -> tuple[str, str]:
    """Status and evidence; the times of two runs differ."""
    return item.status.label, item.evidence.event_id


def move(before: ItemView, after: ItemView) -> str:
    """What became of an item, in the words of the command."""
    if before.status == after.status:
        return f"{before.status.label}, since another event"
    return f"{before.status.label} -> {after.status.label}"
