"""The simulated Comms Hub head-end: reports of hubs and of the devices behind them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from schemas.topics import Source
from sources.program import run


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m sources.comms_hub``; the exit code."""
    return run(Source.COMMS_HUB, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
