"""The same process begins anew once its program has ended, or does not come to its end.

Its id stays, so whoever supervises it has nothing to do. ``fdt process`` and ``fdt serve`` do so
where credentials were replaced that no client reads again (:mod:`runtime.access.rotation`).
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
