"""A browser that cannot be installed: it is said what to do, and its absence fails the tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.chromium import executable

SCRIPT = Path(__file__).with_name("install.sh")


def installing(**environment: str) -> subprocess.CompletedProcess[str]:
    """What the script says."""
    return subprocess.run(
        ["/bin/sh", str(SCRIPT)], env=environment, capture_output=True, text=True, check=True
    )


def test_where_it_cannot_be_installed_it_is_said_what_to_do(tmp_path: Path) -> None:
    """The set-up goes on: everything else works without."""
    found = shutil.which("id")
    assert found is not None
    (tmp_path / "id").symlink_to(found)
    said = installing(PATH=str(tmp_path)).stderr
    assert "sudo apt-get install chromium" in said
    assert "CHROMIUM" in said


def test_a_browser_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """Whatever it is called."""
    assert installing(PATH=str(tmp_path), CHROMIUM="/bin/sh").stdout == ""


def test_a_missing_browser_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Never a test that is left out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(pytest.fail.Exception, match="make browser"):
        executable()
