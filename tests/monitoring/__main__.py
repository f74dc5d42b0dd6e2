"""``make alerts``: checks the rules, and plays a fault and a near miss for each of them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.monitoring import tools
from tests.monitoring.faults import FAULTS, tests


def main() -> int:
    """0 if every alert fires when it should, and none when it should not."""
    try:
        checked = tools.promtool("check", "rules", str(tools.RULES))
        if checked.returncode == 0:
            with tempfile.TemporaryDirectory() as folder:
                checked = tools.play(tests(), Path(folder))
    except tools.Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    print(checked.stdout, checked.stderr, sep="", end="")
    if checked.returncode == 0:
        alerts = {fault.alert for fault in FAULTS}
        print(f"{len(alerts)} alerts: {len(FAULTS)} faults are noticed, what is nearly one is not.")
    return checked.returncode


if __name__ == "__main__":
    sys.exit(main())
