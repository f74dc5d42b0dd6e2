"""How what is in an image is read and listed; ``make scan`` reads a real one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.supply_chain.image import _MENDED, Contents, _distributions, _installed, complete

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10
Description: GNU C Library
 of several lines, with a Package: in it

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
APT = """Reading package lists...
Inst libssl3 [3.0.16-1] (3.0.17-1~deb12u2 Debian-Security:12/oldstable-security [amd64])
Inst tzdata [2025a] (2025b Debian:12.11/oldstable [all])
Conf libssl3 (3.0.17-1~deb12u2 Debian-Security:12/oldstable-security [amd64])
"""


def test_what_dpkg_says_is_installed_is_read() -> None:
    """Not what was removed and left its settings."""
    assert [*_installed(STATUS)] == [("libc6", "2.36-9+deb12u10", "amd64")]


def test_only_what_the_security_archive_mends_is_told() -> None:
    """A newer version of the release alone is none."""
    assert _MENDED.findall(APT) == [("libssl3", "3.0.16-1", "3.0.17-1~deb12u2")]


def test_python_packages_are_known_by_one_name() -> None:
    """However they write themselves."""
    told = "Name: Typing_Extensions\nVersion: 4.16.0\n\nVersion: 1.9.9\nName: Authlib\n\n"
    assert [*_distributions(told)] == [("typing-extensions", "4.16.0"), ("authlib", "1.9.9")]


def test_the_list_gets_what_else_is_there(tmp_path: Path) -> None:
    """Under package addresses that scanners know."""
    path = tmp_path / "sbom.json"
    path.write_text(json.dumps({"components": [{"name": "httpx"}]}))
    debian = (("libstdc++6", "12.2.0-14+deb12u1", "amd64"),)
    complete(path, Contents("12", debian, "3.11.9", ()))
    listed = json.loads(path.read_text())["components"]
    assert [one.get("purl") for one in listed] == [
        None,
        "pkg:generic/python@3.11.9",
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
    ]
