"""Run seeds from the command line, and replay one with every step told."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter

from tests.simulation.defects import DEFECTS, put_back
from tests.simulation.world import play


def main() -> int:
    """Exit code 1 if a seed finds a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="run so many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="run this one alone, and tell every step")
    parser.add_argument("--defect", choices=sorted(DEFECTS), help="put a known defect back")
    asked = parser.parse_args()
    if asked.defect:
        put_back(asked.defect, setattr)
    level = logging.CRITICAL if asked.seed is None else logging.INFO
    logging.basicConfig(level=level, format="    %(message)s", stream=sys.stdout)
    if asked.seed is not None:
        play(asked.seed, print)
        print(f"seed {asked.seed}: every invariant holds")
        return 0
    return run(range(asked.first, asked.first + asked.seeds))


def run(seeds: range) -> int:
    """All of them; the first violation ends it."""
    began, struck, points = time.perf_counter(), Counter[str](), Counter[str]()
    for done, seed in enumerate(seeds, 1):
        try:
            world = play(seed)
        except Exception as error:
            print(f"seed {seed}: {type(error).__name__}: {error}", file=sys.stderr)
            print(f"see it again: python -m tests.simulation --seed {seed}", file=sys.stderr)
            return 1
        struck += world.struck
        points += world.points
        if done % 500 == 0:
            print(f"{done:,} seeds, {time.perf_counter() - began:.0f} s", flush=True)
    took = time.perf_counter() - began
    print(f"{len(seeds):,} seeds without a violation in {took:.0f} s")
    print("faults:", ", ".join(f"{kind} {n:,}" for kind, n in sorted(struck.items())))
    print("write points:", ", ".join(f"{point} {n:,}" for point, n in sorted(points.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
