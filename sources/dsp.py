"""The simulated DSP: accepts or rejects devices, and checks re-sends with its register."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from schemas.topics import Source
from sources.judging.duplicate_judge import DuplicateJudge
from sources.program import run


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m sources.dsp``; the exit code."""
    return run(Source.DSP, DuplicateJudge.hire, argv)


if __name__ == "__main__":
    sys.exit(main())
