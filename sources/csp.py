"""The simulated CSPs: approve devices for distribution and report on transfers to Comms Hubs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from schemas.topics import Source
from sources.program import run


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m sources.csp``; the exit code."""
    return run(Source.CSP, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
