"""What is taken of a registry's answers: no more than a schema can be, and that it puts us off.

Whoever answers at that address, a gateway included, must not fill a worker's memory, nor be asked
again before it wants to be.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.common._httpx_compat import httpx

LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes: about what a record of a registry's own topic can hold. The largest schema published here
is of 4 KiB."""
LONGEST_PAUSE_S: Final = 60.0
"""For how long a registry may put us off; one that says more is asked after that."""

_PUTS_OFF: Final = (429, 503)


class AnswerTooLarge(ValueError):
    """There is more than :data:`LARGEST_ANSWER`; ``is_schema`` if it came as a registry's own
    answer to what was asked for, and not as somebody's page or error."""

    def __init__(self, is_schema: bool) -> None:
        super().__init__(f"the answer is larger than {LARGEST_ANSWER:,} bytes")
        self.is_schema = is_schema


class PutOff(ConnectionError):
    """The registry wants to be asked again after so many seconds."""

    def __init__(self, status: int, after_s: float) -> None:
        super().__init__(f"it answered {status}")
        self.after_s = after_s


class _Bounded(httpx.SyncByteStream):
    """The bytes of an answer, as far as they are taken."""

    def __init__(self, answer: httpx.Response) -> None:
        self._bytes: Any = answer.stream
        kind = answer.headers.get("content-type", "")
        self._too_large = AnswerTooLarge(answer.status_code == httpx.codes.OK and "json" in kind)

    def __iter__(self) -> Iterator[bytes]:
        left = LARGEST_ANSWER
        for chunk in self._bytes:
            left -= len(chunk)
            if left < 0:
                raise self._too_large
            yield chunk

    def close(self) -> None:
        """Let go of the connection."""
        self._bytes.close()


def guard(client: SchemaRegistryClient) -> None:
    """Let ``client`` take of its answers what is said here: :class:`AnswerTooLarge`,
    :class:`PutOff`, or ``ValueError`` for one that is compressed.

    A compressed answer may be a thousand times as large as what comes, so none is asked for.
    """
    session = client._rest_client.session
    session.headers["Accept-Encoding"] = "identity"
    session.event_hooks = {"response": [_look_at]}


def _look_at(answer: httpx.Response) -> None:
    """Before anything of the body is read."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise ValueError("the answer is compressed, which was not asked for")
    answer.stream = _Bounded(answer)
    if answer.status_code in _PUTS_OFF:
        after_s = seconds_of(answer.headers)
        if after_s is not None:
            raise PutOff(answer.status_code, after_s)


def seconds_of(headers: Mapping[str, str]) -> float | None:
    """What ``Retry-After`` says (RFC 9110, section 10.2.3: seconds, or a date), 0 to
    :data:`LONGEST_PAUSE_S`; none where it says nothing that can be read.

    A date is compared with the answer's own ``Date``, where it has one: clocks differ.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        wanted = float(said)
    else:
        at = _date(said)
        if at is None:
            return None
        now = _date(headers.get("date", ""))
        wanted = at - (time.time() if now is None else now)
    return min(max(wanted, 0.0), LONGEST_PAUSE_S)


def _date(text: str) -> float | None:
    """Seconds since 1970 UTC of an HTTP date; none if it is no date."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
