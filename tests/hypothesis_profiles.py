"""How hard Hypothesis tries: in `make test`, in `make test-deep`, and against each mutant.

A busy machine is not a slow program, so no example has a deadline: timings belong in `make bench`.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=20_000)
settings.register_profile("mutants", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("default")
