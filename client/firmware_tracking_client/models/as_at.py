from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.doubt import Doubt

T = TypeVar("T", bound="AsAt")


@_attrs_define
class AsAt:
    """Of when an answer is, and why it may not be all that was there."""

    time: datetime.datetime
    doubts: list[Doubt]
    """ Empty where the answer is whole. capped: some records were counted and not kept. forgotten: something has
    ended since that was there, or may have been. not-read-yet: not everything that was received by then is folded.
    """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        time = self.time.isoformat()

        doubts = []
        for doubts_item_data in self.doubts:
            doubts_item = doubts_item_data.value
            doubts.append(doubts_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "time": time,
                "doubts": doubts,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        time = datetime.datetime.fromisoformat(d.pop("time"))

        doubts = []
        _doubts = d.pop("doubts")
        for doubts_item_data in _doubts:
            doubts_item = Doubt(doubts_item_data)

            doubts.append(doubts_item)

        as_at = cls(
            time=time,
            doubts=doubts,
        )

        as_at.additional_properties = d
        return as_at

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
