"""One plan for all tests of the sources: small, and with every kind of journey."""

from __future__ import annotations

import pytest

from sources.planning.plan import Plan, build_plan


@pytest.fixture(scope="session")
def plan() -> Plan:
    """600 devices of four requests."""
    return build_plan(seed=7, requests=4, devices=600)
