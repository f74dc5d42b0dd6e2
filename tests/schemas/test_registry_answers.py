"""No answer of a registry fills the memory, and one that puts us off is not asked meanwhile."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from email.utils import formatdate
from typing import Final

import pytest

from schemas.registry import ConfluentRegistry, RegistryUnavailable, UnusableSchema
from schemas.registry_answers import LARGEST_ANSWER, LONGEST_PAUSE_S, seconds_of
from tests.schemas.test_registry import SCHEMA, Answers, answering

PLENTY: Final = 64 * 1024 * 1024
NOON: Final = 1_795_435_200.0
"""2026-11-23T12:00:00Z."""


@pytest.fixture(scope="module")
def server() -> Iterator[Answers]:
    """One server for all: its answer is set by each test."""
    with answering() as answers:
        yield answers


@pytest.fixture
def now() -> list[float]:
    """The clock of the registry's client, in seconds."""
    return [0.0]


@pytest.fixture
def registry(server: Answers, now: list[float]) -> Iterator[ConfluentRegistry]:
    """A client that has asked nothing yet."""
    found = ConfluentRegistry(server.url, clock=lambda: now[0])
    yield found
    found.close()


def test_a_schema_that_is_too_large_is_bad_input(
    server: Answers, registry: ConfluentRegistry
) -> None:
    """Whoever registered it stops no partition; it is not read into memory."""
    server.says(200, {"schema": " " * PLENTY})
    tracemalloc.start()
    try:
        with pytest.raises(UnusableSchema, match="larger than 1,048,576 bytes"):
            registry.schema_of(7)
        assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST_ANSWER
    finally:
        tracemalloc.stop()


def test_the_largest_schema_is_taken(server: Answers, registry: ConfluentRegistry) -> None:
    """To the byte."""
    around = len(json.dumps({"schema": SCHEMA}))
    server.says(200, {"schema": SCHEMA + " " * (LARGEST_ANSWER - around)})
    assert len(server.body) == LARGEST_ANSWER
    assert registry.schema_of(7) == json.loads(SCHEMA)


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_page_that_is_too_large_is_an_outage(
    server: Answers, registry: ConfluentRegistry, status: int
) -> None:
    """A gateway says nothing of a schema."""
    server.says(status, b" " * (LARGEST_ANSWER + 1), "text/html")
    with pytest.raises(RegistryUnavailable, match="larger than"):
        registry.schema_of(7)
    server.says(200, {"schema": SCHEMA})
    assert registry.schema_of(7) == json.loads(SCHEMA)


def test_a_page_is_not_repeated_in_the_log(server: Answers, registry: ConfluentRegistry) -> None:
    """Its beginning says who wrote it."""
    server.says(502, b"<html>Bad gateway" + b"x" * 100_000, "text/html")
    with pytest.raises(RegistryUnavailable, match="Bad gateway") as error:
        registry.schema_of(7)
    assert len(str(error.value)) < 1_000


def test_what_is_compressed_is_not_taken(server: Answers, registry: ConfluentRegistry) -> None:
    """It would be larger in memory than on the wire; nothing compressed is asked for."""
    packed = gzip.compress(json.dumps({"schema": " " * PLENTY}).encode())
    assert len(packed) < LARGEST_ANSWER
    server.says(200, packed, Content_Encoding="gzip")
    with pytest.raises(RegistryUnavailable, match="compressed"):
        registry.schema_of(7)


@pytest.mark.parametrize("status", [429, 503])
def test_a_registry_is_left_alone_for_as_long_as_it_says(
    server: Answers, registry: ConfluentRegistry, now: list[float], status: int
) -> None:
    """Of everything that would be asked; what is known goes on."""
    server.says(200, {"schema": SCHEMA})
    registry.schema_of(6)
    server.says(status, {"message": "busy"}, Retry_After="30")
    with pytest.raises(RegistryUnavailable, match=f"again in 30 s: it answered {status}"):
        registry.schema_of(7)
    before = server.asked
    now[0] = 29.0
    for number in range(10):
        with pytest.raises(RegistryUnavailable, match="again in 1 s"):
            registry.schema_of(10 + number)
    assert registry.schema_of(6) == json.loads(SCHEMA)
    assert server.asked == before
    server.says(200, {"schema": SCHEMA})
    now[0] = 30.0
    assert registry.schema_of(7) == json.loads(SCHEMA)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("86400", LONGEST_PAUSE_S),
        ("9" * 400, LONGEST_PAUSE_S),
        (formatdate(NOON + 20, usegmt=True), 20.0),
        (formatdate(NOON - 20, usegmt=True), 0.0),
        (formatdate(NOON + 86_400, usegmt=True), LONGEST_PAUSE_S),
        ("-1", None),
        ("1.5", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("soon", None),
        ("Mon, 99 Nov 2026 12:00:00 GMT", None),
        ("", None),
    ],
)
def test_what_retry_after_says(said: str, seconds: float | None) -> None:
    """Seconds or a date, by the answer's own clock; what cannot be read says nothing."""
    headers = {"retry-after": said, "date": formatdate(NOON, usegmt=True)}
    assert seconds_of(headers) == seconds


def test_a_date_without_another_is_held_against_our_clock() -> None:
    """An answer need not say when it was given."""
    assert seconds_of({"retry-after": formatdate(usegmt=True)}) == 0.0
    assert seconds_of({"retry-after": "Mon, 23 Nov 2099 12:00:00 GMT"}) == LONGEST_PAUSE_S
