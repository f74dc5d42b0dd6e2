"""Query and path parameters as types: checked, explained and documented in one place."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, WithJsonSchema

from projections.lifecycle import LIFECYCLE, STATUS_BY_LABEL, Completion, Status
from query_api.queries.reads import Filters
from schemas.identifiers import EUI_HINT, REQUEST_HINT


def _status(text: str) -> str:
    if text not in STATUS_BY_LABEL:
        raise ValueError(f"not a Processing Status; use one of {_words(STATUS_BY_LABEL)}")
    return text


def _completion(text: str) -> str:
    if text not in set(Completion):
        raise ValueError(f"not a Completion Status; use one of {_words(Completion)}")
    return text


def _words(words: object) -> str:
    return ", ".join(str(word) for word in words)  # type: ignore[attr-defined]


RequestPath = Annotated[str, Path(description=f"One Service Request ID: {REQUEST_HINT}.")]
DevicePath = Annotated[str, Path(description=f"One Device ID (EUI-64): {EUI_HINT}.")]
StatusFilter = Annotated[
    list[
        Annotated[
            str,
            AfterValidator(_status),
            WithJsonSchema({"type": "string", "enum": [row.label for row in LIFECYCLE]}),
        ]
    ],
    Query(description="Only items of this Processing Status; may be repeated."),
]
CompletionFilter = Annotated[
    list[
        Annotated[
            str,
            AfterValidator(_completion),
            WithJsonSchema({"type": "string", "enum": [str(word) for word in Completion]}),
        ]
    ],
    Query(description="Only items of this Completion Status; may be repeated."),
]
Cursor = Annotated[str | None, Query(max_length=100, description="next_cursor of the page before.")]

FILTERS = frozenset({"status", "completion"})
PAGING = frozenset({"limit", "cursor"})


def filters(status: list[str], completion: list[str]) -> Filters:
    """The filters that checked parameters stand for."""
    return Filters(
        frozenset(Status(STATUS_BY_LABEL[label]) for label in status),
        frozenset(Completion(word) for word in completion),
    )


async def chosen(
    status: StatusFilter = [],  # noqa: B006
    completion: CompletionFilter = [],  # noqa: B006
) -> Filters:
    """A dependency: the filters of an address."""
    return filters(status, completion)


Chosen = Annotated[Filters, Depends(chosen)]
