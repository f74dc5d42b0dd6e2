"""``make scan``: looks into the image that the Dockerfile made, with nothing but Debian's archive.

What is in it is added to the list that ``make sbom`` makes of its lock. No package of Debian may
have a newer version in Debian's security archive; no Python package may be there that the lock does
not name; and no Java. Weaknesses that nobody has mended yet are not told: that takes a database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fdt.extras import DISTRIBUTION
from tests.containers import engine
from tests.house import ROOT
from tests.supply_chain.locks import LOCKS, sbom

LOCK: Final = ROOT / LOCKS["image"]
_LOCKED: Final = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
_UPGRADE: Final = "apt-get update --quiet=2 >&2 && apt-get --simulate upgrade"
_MENDED: Final = re.compile(r"^Inst (\S+) \[(\S+)\] \((\S+) .*Debian-Security", re.MULTILINE)
_PYTHON: Final = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
_DISTRIBUTIONS: Final = r"""
find / -xdev -path '*.dist-info/METADATA' -exec grep -Em2 '^(Name|Version): ' {} \; -exec echo \;
"""
_JAVA: Final = r"find / -xdev -type f \( -name java -o -name '*.jar' \)"


@dataclass(frozen=True, slots=True)
class Contents:
    """What an image is made of."""

    release: str
    """Debian's number, such as ``12``."""
    debian: tuple[tuple[str, str, str], ...]
    """Package, version, architecture."""
    python: str
    distributions: tuple[tuple[str, str], ...]
    """Python package by its canonical name, version."""


def scan(image: str, folder: Path) -> dict[str, int]:
    """How many packages are in it, which are listed in ``folder``; ``SystemExit`` with every
    sentence of what must not be so."""
    found = contents(image)
    complete(sbom(folder)["image"], found)
    if said := complaints(image, found):
        raise SystemExit("\n".join(said))
    return {"debian": len(found.debian), "python": len(found.distributions)}


def contents(image: str) -> Contents:
    """By what stands in its files."""
    release = re.search(r'^VERSION_ID="?([\d.]+)', _in(image, "cat /etc/os-release"), re.MULTILINE)
    assert release is not None
    return Contents(
        release[1],
        tuple(_installed(_in(image, "cat /var/lib/dpkg/status"))),
        _in(image, f'python -c "{_PYTHON}"'),
        tuple(_distributions(_in(image, _DISTRIBUTIONS, user="0"))),
    )


def complaints(image: str, found: Contents) -> list[str]:
    """What must not be so, each as a sentence; none for a good image."""
    locked = {(_canonical(name), number) for name, number in _LOCKED.findall(LOCK.read_text())}
    said = [
        f"{name} {number} is in the image, and {LOCK.name} does not name it"
        for name, number in found.distributions
        if name != DISTRIBUTION and (name, number) not in locked
    ]
    said += [
        f"{name} is {old}, and Debian has mended it in {new}: build again with a new base image"
        for name, old, new in _MENDED.findall(_in(image, _UPGRADE, user="0"))
    ]
    return said + [f"{path} is Java" for path in _in(image, _JAVA, user="0").splitlines()]


def complete(sbom: Path, found: Contents) -> None:
    """Add to a list of Python packages (CycloneDX) what Debian and the base image brought."""
    told: dict[str, Any] = json.loads(sbom.read_text(encoding="utf-8"))
    python = {"type": "platform", "name": "python", "version": found.python}
    told["components"] += [python | {"purl": f"pkg:generic/python@{found.python}"}]
    told["components"] += [
        {
            "type": "library",
            "bom-ref": f"debian-{name}-{architecture}",
            "name": name,
            "version": number,
            "purl": f"pkg:deb/debian/{quote(name)}@{quote(number)}"
            f"?arch={architecture}&distro=debian-{found.release}",
        }
        for name, number, architecture in found.debian
    ]
    sbom.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _installed(status: str) -> Iterator[tuple[str, str, str]]:
    """The packages that dpkg says are there."""
    for paragraph in status.strip().split("\n\n"):
        fields = HeaderParser().parsestr(paragraph)
        if fields["Status"] == "install ok installed":
            yield fields["Package"], fields["Version"], fields["Architecture"]


def _distributions(metadata: str) -> Iterator[tuple[str, str]]:
    """Names and versions, of paragraphs that hold no more."""
    for paragraph in metadata.strip().split("\n\n"):
        fields = HeaderParser().parsestr(paragraph)
        yield _canonical(fields["Name"]), fields["Version"]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _in(image: str, command: str, user: str | None = None) -> str:
    """What a shell in a container of ``image`` printed."""
    whose = () if user is None else ("--user", user)
    return engine.docker(
        ["run", "--rm", "--network=host", *whose, "--entrypoint=sh", image, "-c", command]
    )
