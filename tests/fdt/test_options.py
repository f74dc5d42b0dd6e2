"""What commands make of the options that they share."""

from __future__ import annotations

import pytest

from fdt.errors import UserError
from fdt.options import identifier, numbers
from schemas.identifiers import DeviceId


def test_without_the_option_all_partitions_are_meant() -> None:
    """An empty list is as none."""
    assert numbers(None, 3) == numbers([], 3) == [0, 1, 2]


def test_partitions_are_taken_once_and_in_order() -> None:
    """However they were named."""
    assert numbers([2, 0, 2], 3) == [0, 2]


def test_a_partition_that_does_not_exist_is_named() -> None:
    """With those that do."""
    with pytest.raises(UserError, match="no partition 3: they are 0 to 2"):
        numbers([1, 3, 7], 3)


def test_an_identifier_is_parsed() -> None:
    """Into its canonical form."""
    assert identifier(DeviceId.parse, " 00-db-12-34-56-78-90-a0") == "00-DB-12-34-56-78-90-A0"


def test_an_identifier_that_is_none_is_refused_in_one_sentence() -> None:
    """Which says how to write one."""
    with pytest.raises(UserError, match=r"^Not a valid Device ID: enter .*[^.]\.$"):
        identifier(DeviceId.parse, "00DB")
