"""Fields beside the message of a log line: ``logger.info("…", extra=about(…))``.

The one way to give them, so that a name means the same everywhere. People read only the message, so
it stays complete without them.
"""

from __future__ import annotations

from typing import Final

FIELDS: Final = {
    "topic": "Topic of Kafka.",
    "partition": "Partition number.",
    "offset": "Offset of a record, or of the first of several.",
    "part": "Part of the program, as in `/readyz`.",
    "reason": "Reason code of a dead letter.",
    "request_id": "One HTTP request: all its lines have it. A gateway's `X-Request-Id`, or ours.",
    "method": "Method of the request.",
    "route": "Route of the request: never its path, which has identifiers in it.",
    "status": "Status of the answer; null if none went out.",
    "ms": "Milliseconds that the answer took.",
    "bytes": "Bytes of the answer's body.",
    "published": "Records that the broker acknowledged, of a publisher.",
    "of": "Records that it is to publish.",
    "program": "Child program that the line is of (`fdt up`, `fdt process --workers`).",
}
"""Name -> what it is; docs/how-to/logs.md has them, and a test holds the page against this."""


def about(
    *,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    part: str | None = None,
    reason: str | None = None,
) -> dict[str, object]:
    """The fields that are known."""
    known = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "part": part,
        "reason": reason,
    }
    return {name: value for name, value in known.items() if value is not None}
