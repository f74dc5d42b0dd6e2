"""The tests.

Tests replace functions of the rules, which the plain modules alone let them do: so these are what
pytest's own process runs, unless ``FDT_RULES`` says otherwise. Programs that tests start run what
anybody's would (:mod:`schemas.compiled`), and ``schemas/test_compiled.py`` runs the tests of the
rules with the extension.
"""

from __future__ import annotations

import os
import sys


def _plain_rules() -> None:
    """Let this process decide for the plain modules, and those that it starts for themselves."""
    asked = os.environ.get("FDT_RULES")
    os.environ["FDT_RULES"] = asked or "plain"
    from schemas import compiled

    compiled.folder()
    if asked is None:
        del os.environ["FDT_RULES"]


if "pytest" in sys.modules:
    _plain_rules()
