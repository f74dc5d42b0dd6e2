from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="Counts")


@_attrs_define
class Counts:
    """Of the whole request, before filters and paging; with as_at, of this page."""

    in_progress: int
    failed: int
    complete: int

    def to_dict(self) -> dict[str, Any]:
        in_progress = self.in_progress

        failed = self.failed

        complete = self.complete

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "In Progress": in_progress,
                "Failed": failed,
                "Complete": complete,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        in_progress = d.pop("In Progress")

        failed = d.pop("Failed")

        complete = d.pop("Complete")

        counts = cls(
            in_progress=in_progress,
            failed=failed,
            complete=complete,
        )

        return counts
