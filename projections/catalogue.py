"""The code catalogue: the meaning of the sources' native codes, in a file that can be replaced.

Rules of matching (design §5, *codes*): trimmed and in upper case; exactly with result and message
code, else by the longest prefix; else unknown. The whole file is checked before it is used.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from projections.lifecycle import NO_STATUS, STATUS_BY_LABEL, Status
from schemas.topics import Source

LONGEST_CODE: Final = 32
"""Characters: a longer text matches no prefix, because rows store codes."""


class BadCatalogue(ValueError):
    """The catalogue file is invalid; the message names the row and what to change."""


class UnknownCode(LookupError):
    """No row of the catalogue matches the code."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a native code."""

    status: int
    """:class:`~projections.lifecycle.Status`, or 0 if the code sets none."""
    text: str
    next_step: str | None
    retryable: bool
    proof: bool
    """Whether it is a reply that proves an activation by the version that it shows."""
    quotes_detail: bool
    """Whether the reason shown ends with the record's own detail."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The key of a meaning."""

    source: Source
    code: str
    """Code in upper case, or the beginning of codes if it is a prefix."""
    result: int | None = None
    message: str | None = None
    prefix: bool = False

    def __str__(self) -> str:
        """The key for people: ``8F89/1 (0128)``, ``E1101…``."""
        result = "" if self.result is None else f"/{self.result}"
        message = "" if self.message is None else f" ({self.message})"
        return f"{self.code}{'…' if self.prefix else ''}{result}{message}"


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One row of a catalogue: its keys and their meaning."""

    keys: tuple[Key, ...]
    meaning: Meaning
    sources: tuple[str, ...]
    """Sources of the meaning: keys of :attr:`Catalogue.sources`."""
    confidence: float
    """From 0 to 1."""


class Catalogue:
    """A loaded catalogue: look-ups by (source, code, result, message)."""

    def __init__(
        self, version: str, rows: Sequence[CodeRow], sources: Mapping[str, str] | None = None
    ) -> None:
        self.version = version
        self.rows = rows
        self.sources = sources or {}
        """Title of each source that a row may cite."""
        self.meanings: dict[Key, Meaning] = {key: row.meaning for row in rows for key in row.keys}
        self._exact = {
            (key.source, key.code, key.result, key.message): meaning
            for key, meaning in self.meanings.items()
            if not key.prefix
        }
        self._prefixes = sorted(
            (key for key in self.meanings if key.prefix), key=lambda key: -len(key.code)
        )

    def meaning(
        self, source: Source, code: str, result: int | None, message: str | None
    ) -> Meaning:
        """The meaning of a code in canonical form; :class:`UnknownCode`."""
        found = self._exact.get((source, code, result, message))
        if found is not None:
            return found
        if result is None and message is None and len(code) <= LONGEST_CODE:
            for key in self._prefixes:
                if key.source is source and code.startswith(key.code):
                    return self.meanings[key]
        raise UnknownCode(
            f"{source.name} code {code[:LONGEST_CODE]!r} with result {result} and message "
            f"{message} is not in catalogue {self.version}"
        )


_NONE: Final = "none"


class _Code(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One row of the file."""

    source: str
    text: Annotated[str, msgspec.Meta(min_length=1)]
    next_step: Annotated[str, msgspec.Meta(min_length=1)]
    sources: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    code: str | None = None
    prefix: str | None = None
    results: tuple[int | Literal["none"], ...] = ("none",)
    messages: tuple[str, ...] = ("none",)
    status: str | None = None
    retryable: bool = False
    proof: bool = False
    quotes_detail: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    sources: dict[str, str]
    code: list[_Code]


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue at ``path``, or the one that comes with the project; :class:`BadCatalogue`, or
    ``OSError`` of the file."""
    where = str(path) if path else "projections/catalogue.toml"
    try:
        listed = msgspec.convert(tomllib.loads(_text(path)), _File)
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadCatalogue(f"Cannot use the code catalogue {where}: {error}.") from error
    rows = [_row(code, listed.sources, where) for code in listed.code]
    for key, times in Counter(key for row in rows for key in row.keys).items():
        if times > 1:
            raise BadCatalogue(
                f"{where} gives {key.source.name} {key} {times} times: keep one row."
            )
    return Catalogue(listed.version, rows, listed.sources)


def _text(path: Path | None) -> str:
    file = path if path is not None else resources.files("projections") / "catalogue.toml"
    return file.read_text(encoding="utf-8")


def _row(row: _Code, titles: dict[str, str], where: str) -> CodeRow:
    unknown = [name for name in row.sources if name not in titles]
    if unknown:
        raise BadCatalogue(f"{where}: {row.text!r} cites {unknown[0]!r}: add it to [sources].")
    return CodeRow(tuple(_keys(row, where)), _meaning(row, where), row.sources, row.confidence)


def _keys(row: _Code, where: str) -> Iterator[Key]:
    source, named = _source(row, where), row.code or row.prefix
    if named is None or (row.code and row.prefix) or not named.strip():
        raise BadCatalogue(f"{where}: {row.text!r} needs either a code or a prefix.")
    code = named.strip().upper()
    if row.prefix is not None:
        yield Key(source, code, prefix=True)
        return
    for result in row.results:
        for message in row.messages:
            yield Key(
                source,
                code,
                None if result == _NONE else result,
                None if message == _NONE else message.upper(),
            )


def _source(row: _Code, where: str) -> Source:
    try:
        return Source[row.source]
    except KeyError:
        names = ", ".join(source.name for source in Source)
        raise BadCatalogue(f"{where}: source {row.source!r} is none of {names}.") from None


def _meaning(row: _Code, where: str) -> Meaning:
    name = row.code or row.prefix
    status = NO_STATUS
    if row.status is not None:
        found: Status | None = STATUS_BY_LABEL.get(row.status)
        if found is None:
            raise BadCatalogue(f"{where}: {name} has status {row.status!r}, which does not exist.")
        if found.row.source.name != row.source:
            raise BadCatalogue(f"{where}: {row.source} may not set {row.status!r} ({name}).")
        status = int(found)
    return Meaning(status, row.text, row.next_step, row.retryable, row.proof, row.quotes_detail)


@dataclass(frozen=True, slots=True)
class Difference:
    """A code with different meanings in two catalogues; ``None`` where one does not know it."""

    key: Key
    before: Meaning | None
    after: Meaning | None


def differences(before: Catalogue, after: Catalogue) -> list[Difference]:
    """The codes whose meaning differs between two catalogues, by source and code.

    Raises :class:`BadCatalogue` if they differ and have the same version: rows store the version
    only.
    """
    found = [
        Difference(key, before.meanings.get(key), after.meanings.get(key))
        for key in sorted(before.meanings.keys() | after.meanings.keys(), key=_by_name)
        if before.meanings.get(key) != after.meanings.get(key)
    ]
    if found and before.version == after.version:
        raise BadCatalogue(
            f"Both catalogues have version {after.version!r} and read {found[0].key} differently: "
            "give the changed one a new version."
        )
    return found


def _by_name(key: Key) -> tuple[int, str]:
    return key.source, str(key)
