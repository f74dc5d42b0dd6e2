"""The code catalogue: what a source's native code means, as data that an operator can replace.

Rules of matching (design §5, *codes*): trimmed and in upper case; exactly with result and message
code, else by the longest prefix; else unknown.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from projections.lifecycle import NO_STATUS, STATUS_BY_LABEL, Status
from schemas.topics import Source


class BadCatalogue(ValueError):
    """A catalogue file that cannot be used; the message names the row and how to mend it."""


class UnknownCode(LookupError):
    """A code that no row of the catalogue covers."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a native code means."""

    status: int
    """:class:`~projections.lifecycle.Status`, or 0 where the code sets none."""
    text: str
    next_step: str | None
    retryable: bool
    proof: bool
    """A reply that proves an activation by the version it shows."""
    quotes_detail: bool
    """The reason shown ends with the record's own detail."""


class _Code(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One row of the file."""

    source: str
    text: str
    source_of: str
    confidence: float
    code: str | None = None
    prefix: str | None = None
    results: tuple[int | str, ...] = ("none",)
    messages: tuple[str, ...] = ("none",)
    status: str | None = None
    next_step: str | None = None
    retryable: bool = False
    proof: bool = False
    quotes_detail: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: str
    code: list[_Code]


_Key = tuple[Source, str, int | None, str | None]


class Catalogue:
    """A loaded catalogue: look-ups by (source, code, result, message)."""

    def __init__(
        self, version: str, exact: dict[_Key, Meaning], prefixes: list[tuple[Source, str, Meaning]]
    ):
        self.version = version
        self._exact = exact
        self._prefixes = sorted(prefixes, key=lambda p: len(p[1]), reverse=True)
        self._found: dict[_Key, Meaning] = dict(exact)

    def meaning(
        self, source: Source, code: str, result: int | None, message: str | None
    ) -> Meaning:
        """What a code in canonical form means, or :class:`UnknownCode`."""
        key = (source, code, result, message)
        found = self._found.get(key)
        if found is None:
            found = self._by_prefix(source, code, result, message)
        return found

    def _by_prefix(
        self, source: Source, code: str, result: int | None, message: str | None
    ) -> Meaning:
        if result is None and message is None:
            for owner, prefix, meaning in self._prefixes:
                if owner is source and code.startswith(prefix):
                    return meaning
        raise UnknownCode(
            f"{source.name} code {code!r} with result {result} and message {message} is not in "
            f"catalogue {self.version}"
        )


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue at ``path``, or the one that comes with the project; :class:`BadCatalogue`."""
    where = str(path) if path else "projections/catalogue.toml"
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path
            else (resources.files("projections") / "catalogue.toml").read_text(encoding="utf-8")
        )
        listed = msgspec.convert(tomllib.loads(text), _File)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadCatalogue(f"Cannot use the code catalogue {where}: {error}.") from error
    exact: dict[_Key, Meaning] = {}
    prefixes: list[tuple[Source, str, Meaning]] = []
    for row in listed.code:
        source, meaning = _source(row, where), _meaning(row, where)
        if row.prefix is not None:
            prefixes.append((source, row.prefix.upper(), meaning))
        for key in _keys(source, row):
            if key in exact:
                raise BadCatalogue(f"{where} gives {key} twice: keep one row.")
            exact[key] = meaning
    return Catalogue(listed.version, exact, prefixes)


_NONE: Final = "none"


def _keys(source: Source, row: _Code) -> list[_Key]:
    if row.code is None:
        return []
    code = row.code.strip().upper()
    return [
        (
            source,
            code,
            None if result == _NONE else int(result),
            None if message == _NONE else message,
        )
        for result in row.results
        for message in row.messages
    ]


def _source(row: _Code, where: str) -> Source:
    if (row.code is None) == (row.prefix is None):
        raise BadCatalogue(f"{where}: {row.text!r} needs either a code or a prefix.")
    try:
        return Source[row.source]
    except KeyError:
        names = ", ".join(source.name for source in Source)
        raise BadCatalogue(f"{where}: source {row.source!r} is none of {names}.") from None


def _meaning(row: _Code, where: str) -> Meaning:
    name: Any = row.code or row.prefix
    status = NO_STATUS
    if row.status is not None:
        found: Status | None = STATUS_BY_LABEL.get(row.status)
        if found is None:
            raise BadCatalogue(f"{where}: {name} has status {row.status!r}, which does not exist.")
        if found.row.source.name != row.source:
            raise BadCatalogue(f"{where}: {row.source} may not set {row.status!r} ({name}).")
        status = int(found)
    return Meaning(status, row.text, row.next_step, row.retryable, row.proof, row.quotes_detail)
