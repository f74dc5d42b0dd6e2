"""The page about dead letters and the code know the same reasons."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
RAISED = re.compile(r"(?:BadRecord|_Refused)\(\s*\"([a-z-]+)\"")


def test_every_reason_of_a_refusal_is_explained() -> None:
    """A publisher who meets one finds what to do."""
    sources = [
        p.read_text()
        for d in ("schemas", "projections", "processor")
        for p in (ROOT / d).rglob("*.py")
    ]
    reasons = {reason for text in sources for reason in RAISED.findall(text)}
    page = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    assert {"bad-avro", "incompatible-schema", "unreadable-schema", "kills-process"} <= reasons
    unexplained = {r for r in reasons if f"`{r}`" not in page and not r.startswith("invalid-")}
    assert not unexplained
