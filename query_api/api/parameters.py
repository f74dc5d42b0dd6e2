"""Query and path parameters as types, with their checks and their documentation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, WithJsonSchema

from projections.lifecycle import STATUS_BY_LABEL, Completion, Status
from query_api.queries.answers import CompletionLabel, StatusLabel
from query_api.queries.changes import LONGEST_CURSOR
from query_api.queries.reads import Filters
from query_api.web.problems import Problem
from schemas.identifiers import EUI_HINT, REQUEST_HINT

_FIRST_YEAR: Final = 1970
_LONGEST_CODE: Final = 80
"""Characters: a native code has at most 64, and a result follows it."""


def _status(text: str) -> str:
    if text not in STATUS_BY_LABEL:
        raise ValueError(f"not a Processing Status; use one of {_words(STATUS_BY_LABEL)}")
    return text


def _completion(text: str) -> str:
    if text not in set(Completion):
        raise ValueError(f"not a Completion Status; use one of {_words(Completion)}")
    return text


def _reason(text: str) -> str:
    code = text.strip().upper()
    if not code or len(code) > _LONGEST_CODE or not code.isprintable():
        raise ValueError("not a reason code; use one of reasons of an answer, such as 8F89/3")
    return code


def _words(words: object) -> str:
    return ", ".join(str(word) for word in words)  # type: ignore[attr-defined]


RequestPath = Annotated[str, Path(description=f"One Service Request ID: {REQUEST_HINT}.")]
DevicePath = Annotated[str, Path(description=f"One Device ID (EUI-64): {EUI_HINT}.")]
StatusFilter = Annotated[
    list[Annotated[StatusLabel, AfterValidator(_status)]],
    Query(description="Only items of this Processing Status; may be repeated."),
]
CompletionFilter = Annotated[
    list[Annotated[CompletionLabel, AfterValidator(_completion)]],
    Query(description="Only items of this Completion Status; may be repeated."),
]
ReasonFilter = Annotated[
    list[Annotated[str, AfterValidator(_reason)]],
    Query(
        description="Only items whose reason has this code, such as N61 or 8F89/3: reasons of an "
        "answer lists them; may be repeated."
    ),
]
ChangedSince = Annotated[
    str | None,
    Query(
        max_length=LONGEST_CURSOR,
        description="changes_cursor of an earlier answer: only items that changed since, and "
        "perhaps some that did not. What is forgotten is not listed: it went at available_until.",
    ),
]
Cursor = Annotated[str | None, Query(max_length=100, description="next_cursor of the page before.")]
AsAt = Annotated[
    Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})] | None,
    Query(
        description="The answer as it was then: from what the broker had received by that time. "
        "as_at of the answer says whether it is whole."
    ),
]
FILTERS = frozenset({"status", "completion", "reason"})
PAGING = frozenset({"limit", "cursor", "changed_since"})
INSTANT = frozenset({"as_at"})


def filters(status: list[str], completion: list[str], reason: Sequence[str] = ()) -> Filters:
    """The filters of checked parameters."""
    return Filters(
        frozenset(Status(STATUS_BY_LABEL[label]) for label in status),
        frozenset(Completion(word) for word in completion),
        frozenset(reason),
    )


async def chosen(
    status: StatusFilter = [],  # noqa: B006
    completion: CompletionFilter = [],  # noqa: B006
    reason: ReasonFilter = [],  # noqa: B006
) -> Filters:
    """A dependency: the filters in the query parameters."""
    return filters(status, completion, reason)


Chosen = Annotated[Filters, Depends(chosen)]


async def instant(as_at: AsAt = None) -> int | None:
    """A dependency: ``as_at`` in milliseconds since 1970 UTC; a 422 problem if it is no time."""
    if as_at is None:
        return None
    try:
        found = datetime.fromisoformat(as_at)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year < _FIRST_YEAR:
        raise Problem(
            "invalid-parameter",
            "as_at: not a time; use RFC 3339 with its offset, such as 2026-11-23T06:00:00Z.",
        )
    return round(found.timestamp() * 1000)


At = Annotated[int | None, Depends(instant)]
