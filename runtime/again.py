"""Starts the program anew in the same process, once it has ended or cannot end.

The process id stays, so a supervisor has nothing to do. ``fdt process`` and ``fdt serve`` call it
when credentials were replaced that no client reads again (:mod:`runtime.access.rotation`).
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def begin_again() -> NoReturn:
    """With the command line and the environment of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, sys.orig_argv)
