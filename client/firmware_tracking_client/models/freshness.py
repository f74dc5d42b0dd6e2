from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.sources import Sources


T = TypeVar("T", bound="Freshness")


@_attrs_define
class Freshness:
    """How fresh an answer is."""

    lag_events: int | None
    """ Offsets of the status topic not applied yet; null while the broker is away. """
    as_of: datetime.datetime | None
    """ Everything the processor committed before this is in the answer. """
    sources: Sources
    """ Last received time by source (dsp, csp/REGION, comms-hub, ssmi). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        lag_events: int | None
        lag_events = self.lag_events

        as_of: None | str
        if isinstance(self.as_of, datetime.datetime):
            as_of = self.as_of.isoformat()
        else:
            as_of = self.as_of

        sources = self.sources.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "lag_events": lag_events,
                "as_of": as_of,
                "sources": sources,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.sources import Sources  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_lag_events(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        lag_events = _parse_lag_events(d.pop("lag_events"))

        def _parse_as_of(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                as_of_type_0 = datetime.datetime.fromisoformat(data)

                return as_of_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        as_of = _parse_as_of(d.pop("as_of"))

        sources = Sources.from_dict(d.pop("sources"))

        freshness = cls(
            lag_events=lag_events,
            as_of=as_of,
            sources=sources,
        )

        freshness.additional_properties = d
        return freshness

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
