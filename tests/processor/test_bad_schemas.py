"""Records under schemas that are not ours, with a registry that takes whatever it is given."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from tests.processor.bad_schemas import OTHERS, refuses_and_goes_on
from tests.processor.wire_inputs import SCHEMAS
from tests.support.registry import serving


def test_records_of_other_schemas_hold_nothing_up_and_fold_once_mended(
    fresh_topics: str, tmp_path: Path
) -> None:
    """A refusal for each kind, with its reason; ``make registry`` is the same with Apicurio."""
    ids = count(100)
    with serving() as registry:

        def register(subject: str, text: str, kind: str) -> int:
            registry.holds(number := next(ids), text, schemaType=kind)
            return number

        taken = refuses_and_goes_on(fresh_topics, registry.url, tmp_path, register)
    assert len(taken) == len(SCHEMAS) - 1 + len(OTHERS)
