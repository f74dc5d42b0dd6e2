"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import typer

from fdt.errors import UserError
from schemas.identifiers import InvalidIdentifier

T = TypeVar("T")

Partitions = Annotated[
    list[int] | None, typer.Option(min=0, help="Only this partition number; may be repeated.")
]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Processes to work in; else one a processor.")
]


def numbers(asked: Sequence[int] | None, partitions: int) -> list[int]:
    """The partition numbers of :data:`Partitions`, else all of so many ``partitions``.

    :class:`~fdt.errors.UserError` for a number that does not exist.
    """
    if not asked:
        return list(range(partitions))
    if unknown := [number for number in sorted(asked) if number >= partitions]:
        raise UserError(f"There is no partition {unknown[0]}: they are 0 to {partitions - 1}.")
    return sorted(set(asked))


def identifier(parse: Callable[[str], T], text: str) -> T:
    """What ``parse`` makes of an identifier; :class:`~fdt.errors.UserError` if it is not valid."""
    try:
        return parse(text)
    except InvalidIdentifier as error:
        raise UserError(str(error)) from error
