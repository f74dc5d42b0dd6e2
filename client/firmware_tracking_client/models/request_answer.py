from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.as_at import AsAt
    from ..models.counts import Counts
    from ..models.freshness import Freshness
    from ..models.item import Item
    from ..models.reasons import Reasons


T = TypeVar("T", bound="RequestAnswer")


@_attrs_define
class RequestAnswer:
    """One page of a Service Request, ordered by Device ID."""

    items: list[Item]
    next_cursor: None | str
    """ Send it back as ?cursor= for the next page. """
    counts: Counts
    """ Of the whole request, before filters and paging; with as_at, of this page. """
    reasons: Reasons
    """ The same by reason.code, the most frequent first; what ?reason= takes. """
    changes_cursor: str
    """ Send it back as ?changed_since= for what has changed since; of a walk through pages, that of its first page.
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

        next_cursor: None | str
        next_cursor = self.next_cursor

        counts = self.counts.to_dict()

        reasons = self.reasons.to_dict()

        changes_cursor = self.changes_cursor

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
                "next_cursor": next_cursor,
                "counts": counts,
                "reasons": reasons,
                "changes_cursor": changes_cursor,
                "freshness": freshness,
                "as_at": as_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.as_at import AsAt  # noqa: PLC0415
        from ..models.counts import Counts  # noqa: PLC0415
        from ..models.freshness import Freshness  # noqa: PLC0415
        from ..models.item import Item  # noqa: PLC0415
        from ..models.reasons import Reasons  # noqa: PLC0415

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = Item.from_dict(items_item_data)

            items.append(items_item)

        def _parse_next_cursor(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_cursor = _parse_next_cursor(d.pop("next_cursor"))

        counts = Counts.from_dict(d.pop("counts"))

        reasons = Reasons.from_dict(d.pop("reasons"))

        changes_cursor = d.pop("changes_cursor")

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

        request_answer = cls(
            items=items,
            next_cursor=next_cursor,
            counts=counts,
            reasons=reasons,
            changes_cursor=changes_cursor,
            freshness=freshness,
            as_at=as_at,
        )

        request_answer.additional_properties = d
        return request_answer

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
