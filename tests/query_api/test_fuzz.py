"""Whatever ``/openapi.json`` allows, and what it does not: no fault of the server, no leak.

Bounded: a fixed number of examples for each address, the same ones each time.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from query_api.identity.access import Role
from tests.query_api.world import ALPHA, BETA, World, accepted, device_id, request_id

FOREIGN: Final = device_id(2)
EXAMPLES: Final = 40
ADDRESSES: Final = 11
WITH_PARAMETERS: Final = 8
"""Only what takes something can be given something wrong; the rest comes last."""


@cache
def world() -> World:
    """One own item, one foreign."""
    made = World()
    made.put({device_id(1): [accepted(request_id(1))], FOREIGN: [accepted(request_id(2, BETA))]})
    return made


@cache
def operations() -> list[Any]:
    """Every address of the application's own document."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", world().app())
    results: list[Any] = list(schema.get_all_operations())
    return [found.ok() for found in results]


POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
ASKED: Final = [
    *((number, POSITIVE) for number in range(ADDRESSES)),
    *((number, NEGATIVE) for number in range(WITH_PARAMETERS)),
]


@pytest.mark.parametrize(("number", "mode"), ASKED)
def test_no_request_makes_the_server_fail(number: int, mode: GenerationMode) -> None:
    """As a supplier and as the Service Centre; a supplier never reads of a foreign device."""
    operation = operations()[number]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def hold(case: Any) -> None:
        for roles, user_ids in (([Role.SUPPLIER], [ALPHA]), ([Role.SERVICE_CENTRE], [])):
            token = world().tokens.make(roles=roles, user_ids=user_ids)
            answer = case.call(headers={"Authorization": f"Bearer {token}"})
            case.validate_response(answer, checks=[not_a_server_error])
            if Role.SUPPLIER in roles:
                assert FOREIGN not in answer.text

    hold()
    assert world().damage == []


def test_every_address_is_asked() -> None:
    """The document has as many as are asked above."""
    found = operations()
    assert len(found) == ADDRESSES
    assert [each.path for each in found[WITH_PARAMETERS:]] == ["/healthz", "/readyz", "/metrics"]
