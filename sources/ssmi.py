"""The simulated Service Centre: resets items, as an operator would on the SSMI."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from schemas.topics import Source
from sources.program import run


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m sources.ssmi``; the exit code."""
    return run(Source.SSMI, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
