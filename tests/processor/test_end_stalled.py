"""A worker that does not come to its end: it ends at once, or begins again if that was why."""

from __future__ import annotations

import subprocess
import sys

import pytest

BODY = """
import logging, sys
from types import SimpleNamespace
from processor import app
logging.basicConfig(stream=sys.stderr)
if "again" in sys.argv:
    print("began again")
else:
    sys.orig_argv.append("again")
    app._end_stalled(SimpleNamespace(begin_again=%s), "it was told to end")
"""


@pytest.mark.parametrize(
    ("again", "code", "printed"), [(True, 0, "began again\n"), (False, 70, "")]
)
def test_it_begins_again_only_for_new_credentials(again: bool, code: int, printed: str) -> None:
    """As the same process; whoever supervises it sees no end."""
    found = subprocess.run(
        [sys.executable, "-c", BODY % again], capture_output=True, text=True, timeout=60
    )
    assert (found.returncode, found.stdout) == (code, printed), found.stderr
    assert "it was told to end" in found.stderr
