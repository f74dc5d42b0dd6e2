from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ResetOrder")


@_attrs_define
class ResetOrder:
    """What the Service Centre says to reset an item."""

    reason: str
    """ Why; one line. """
    incident_reference: str
    """ The incident it belongs to. """
    seen_event_id: str
    """ evidence.event_id of the item as it was read: a changed status asks again. """
    confirm_final: bool | Unset = False
    """ true to reset a final status. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        reason = self.reason

        incident_reference = self.incident_reference

        seen_event_id = self.seen_event_id

        confirm_final = self.confirm_final

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "reason": reason,
                "incident_reference": incident_reference,
                "seen_event_id": seen_event_id,
            }
        )
        if confirm_final is not UNSET:
            field_dict["confirm_final"] = confirm_final

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        reason = d.pop("reason")

        incident_reference = d.pop("incident_reference")

        seen_event_id = d.pop("seen_event_id")

        confirm_final = d.pop("confirm_final", UNSET)

        reset_order = cls(
            reason=reason,
            incident_reference=incident_reference,
            seen_event_id=seen_event_id,
            confirm_final=confirm_final,
        )

        reset_order.additional_properties = d
        return reset_order

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
