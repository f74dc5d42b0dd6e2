"""``python -m runtime.ready URL``: the containers' health check, whether a program is ready.

It imports nothing of ours, because it runs every ten seconds. No word of its command has a space:
some engines split a health check at spaces.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from typing import Final

ANSWER_S: Final = 5.0


def main(url: str) -> int:
    """0 if ``url`` answers 200; else 1, with the reason on standard output."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            print(answer.status)
            return 0
    except urllib.error.HTTPError as error:
        print(f"{error.code}: {error.read().decode(errors='replace')}")
    except OSError as error:
        print(f"{url} does not answer: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
