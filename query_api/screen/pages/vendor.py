"""Brings govuk-frontend and htmx into ``static/``: ``make vendor``, when a new version is wanted.

The built files are kept in the repository, so that a set-up needs no Node.js. npm fetches the
packages named in :data:`PACKAGES`; of govuk-frontend the stylesheet is taken without what only
GOV.UK itself may use: the Transport font and the crest.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

PACKAGES: Final = {"govuk-frontend": "6.6.0", "htmx.org": "4.0.1"}
STATIC: Final = Path(__file__).with_name("static")

_STYLESHEET: Final = "package/dist/govuk/govuk-frontend.min.css"
_SCRIPT: Final = "package/dist/htmx.min.js"
_FONT_FACE = re.compile(r"/\*[^*]*commercially available\. \*/|@font-face\{[^}]*\}")
_CREST = re.compile(r"(?:-webkit-)?(?:mask-image|background-image):url\([^)]*govuk-crest\.svg\);?")
_SOURCE_MAP = re.compile(r"\n?(?:/\*|//)# sourceMappingURL=\S+(?: \*/)?\s*$")


def main() -> None:
    """Fetch and write the files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, version in PACKAGES.items():
            npm = ["npm", "pack", "--silent", f"{name}@{version}"]
            subprocess.run(npm, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        _write(
            "govuk-frontend.min.css",
            f"/* govuk-frontend {PACKAGES['govuk-frontend']}, MIT licence, (c) Crown Copyright "
            "(Government Digital Service); without its font and crest */\n",
            without_branding(_member(folder, "govuk-frontend", _STYLESHEET)),
        )
        _write(
            "htmx.min.js",
            f"/* htmx {PACKAGES['htmx.org']}, Zero-Clause BSD licence, Big Sky Software */\n",
            _SOURCE_MAP.sub("", _member(folder, "htmx.org", _SCRIPT)),
        )


def without_branding(css: str) -> str:
    """The stylesheet with system fonts, without the crest, and without its map."""
    css = _CREST.sub("", _FONT_FACE.sub("", css)).replace("GDS Transport,arial", "arial")
    return _SOURCE_MAP.sub("", css).replace('@charset "UTF-8";', "")


def _member(folder: str, name: str, path: str) -> str:
    with tarfile.open(Path(folder) / f"{name}-{PACKAGES[name]}.tgz") as package:
        file = package.extractfile(path)
        if file is None:
            sys.exit(f"{name} has no {path}")
        return file.read().decode()


def _write(name: str, head: str, content: str) -> None:
    (STATIC / name).write_text(f"{head}{content.rstrip()}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
