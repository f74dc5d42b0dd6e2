"""Who may see what, as a table."""

from __future__ import annotations

import pytest

from query_api.identity.access import (
    Caller,
    Forbidden,
    Role,
    may_see,
    may_see_unmatched,
    require_reader,
)
from schemas.identifiers import Eui64
from tests.query_api.world import ALPHA, BETA, request_id


def person(*roles: Role, user_ids: tuple[Eui64, ...] = ()) -> Caller:
    """Somebody."""
    return Caller("somebody", frozenset(user_ids), frozenset(roles))


@pytest.mark.parametrize(
    ("caller", "own", "foreign", "unmatched"),
    [
        (person(Role.SUPPLIER, user_ids=(ALPHA,)), True, False, False),
        (person(Role.SUPPLIER, user_ids=(ALPHA, BETA)), True, True, False),
        (person(Role.SUPPLIER), False, False, False),
        (person(Role.SERVICE_CENTRE), True, True, True),
        (person(Role.AUDITOR), True, True, True),
        (person(Role.SUPPLIER, Role.AUDITOR, user_ids=(BETA,)), True, True, True),
        (person(user_ids=(ALPHA,)), False, False, False),
    ],
)
def test_the_table_of_rights(caller: Caller, own: bool, foreign: bool, unmatched: bool) -> None:
    """Suppliers by the originator of the request; Service Centre and auditors everything."""
    assert may_see(caller, request_id(1, ALPHA)) is own
    assert may_see(caller, request_id(1, BETA)) is foreign
    assert may_see_unmatched(caller) is unmatched


def test_who_can_never_see_anything_is_told_why() -> None:
    """No role, or no organisation."""
    with pytest.raises(Forbidden, match="none of the roles"):
        require_reader(person(user_ids=(ALPHA,)))
    with pytest.raises(Forbidden, match="no User ID"):
        require_reader(person(Role.SUPPLIER))
    require_reader(person(Role.SUPPLIER, user_ids=(ALPHA,)))
