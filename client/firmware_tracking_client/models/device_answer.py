from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.as_at import AsAt
    from ..models.entry import Entry
    from ..models.freshness import Freshness
    from ..models.item import Item


T = TypeVar("T", bound="DeviceAnswer")


@_attrs_define
class DeviceAnswer:
    """Every tracked request of one device, newest first."""

    items: list[Item]
    unmatched: list[Entry]
    """ Reports still waiting for their request; Service Centre and auditors only. """
    not_kept: int
    """ Further records of the device's Comms Hub that were counted and not kept; 1,000 stands for so many or more.
    """
    freshness: Freshness
    """ How fresh an answer is. """
    as_at: AsAt | None
    """ null for an answer of now. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.as_at import AsAt  # noqa: PLC0415

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        unmatched = []
        for unmatched_item_data in self.unmatched:
            unmatched_item = unmatched_item_data.to_dict()
            unmatched.append(unmatched_item)

        not_kept = self.not_kept

        freshness = self.freshness.to_dict()

        as_at: dict[str, Any] | None
        if isinstance(self.as_at, AsAt):
            as_at = self.as_at.to_dict()
        else:
            as_at = self.as_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "unmatched": unmatched,
                "not_kept": not_kept,
                "freshness": freshness,
                "as_at": as_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.as_at import AsAt  # noqa: PLC0415
        from ..models.entry import Entry  # noqa: PLC0415
        from ..models.freshness import Freshness  # noqa: PLC0415
        from ..models.item import Item  # noqa: PLC0415

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = Item.from_dict(items_item_data)

            items.append(items_item)

        unmatched = []
        _unmatched = d.pop("unmatched")
        for unmatched_item_data in _unmatched:
            unmatched_item = Entry.from_dict(unmatched_item_data)

            unmatched.append(unmatched_item)

        not_kept = d.pop("not_kept")

        freshness = Freshness.from_dict(d.pop("freshness"))

        def _parse_as_at(data: object) -> AsAt | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                as_at_type_0 = AsAt.from_dict(data)

                return as_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AsAt | None, data)

        as_at = _parse_as_at(d.pop("as_at"))

        device_answer = cls(
            items=items,
            unmatched=unmatched,
            not_kept=not_kept,
            freshness=freshness,
            as_at=as_at,
        )

        device_answer.additional_properties = d
        return device_answer

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
