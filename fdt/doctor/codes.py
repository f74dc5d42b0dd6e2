"""Checks the code catalogue, and the open dead letters for codes that it does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from confluent_kafka import KafkaException

from fdt.doctor.findings import Asked, Finding, failure, not_checked, ok, warning
from fdt.errors import RunFailed, UserError
from fdt.kafka.dead_letters import Letter, Wanted, letters
from projections.catalogue import BadCatalogue, load_catalogue

NEWEST: Final = 2_000
"""Dead letters of each partition that are looked at."""
_SHOWN: Final = 5
_OURS: Final = ("defect", "kills-process")
_UNKNOWN: Final = "unknown-code"


def loaded(asked: Asked) -> Iterator[Finding]:
    """The catalogue in force."""
    try:
        found = load_catalogue(asked.settings.catalogue_path)
    except BadCatalogue as error:
        yield failure(str(error), "Correct the file, or FDT_CATALOGUE_PATH (docs/how-to/codes.md)")
        return
    yield ok(f"Catalogue {found.version}: {len(found.rows)} meanings")


def refused(asked: Asked) -> Iterator[Finding]:
    """The newest dead letters that nobody has settled."""
    try:
        found = letters(asked.bootstrap, Wanted(), newest=NEWEST)
    except RunFailed as error:
        yield failure(str(error), "Find out what writes there, and take that right from it")
        return
    except (UserError, KafkaException) as error:
        yield not_checked(f"The dead letters cannot be read: {error}")
        return
    unknown = Counter(letter.detail.partition(":")[0] for letter in found if _is(letter, _UNKNOWN))
    if unknown:
        first = "; ".join(told for told, _ in unknown.most_common(_SHOWN))
        yield warning(
            f"{unknown.total()} records have codes that the catalogue does not know: {first}",
            "Add them to the catalogue (docs/how-to/codes.md), then 'fdt dead-letters resend "
            f"--reason {_UNKNOWN}'",
        )
    if ours := [letter for letter in found if _is(letter, *_OURS)]:
        yield warning(
            f"{len(ours)} records were refused because of a defect, the newest at "
            f"{ours[-1].topic}[{ours[-1].original_partition}] offset {ours[-1].original_offset}",
            "Report it with 'fdt dead-letters show'; send them again once a corrected version runs",
        )
    rest = len(found) - unknown.total() - len(ours)
    if not unknown and not ours:
        yield ok(f"{rest} open dead letters, none for an unknown code or a defect")


def _is(letter: Letter, *reasons: str) -> bool:
    return letter.reason in reasons
