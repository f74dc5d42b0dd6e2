from __future__ import annotations

from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.readiness_broker import ReadinessBroker
from ..models.readiness_processor import ReadinessProcessor

if TYPE_CHECKING:
    from ..models.freshness import Freshness
    from ..models.processor_seen import ProcessorSeen


T = TypeVar("T", bound="Readiness")


@_attrs_define
class Readiness:
    """The view may be read."""

    broker: ReadinessBroker
    processor: ReadinessProcessor
    """ silent: a partition's processor has given no sign of life for a while. The view is served, and grows older.
    """
    processor_seen: ProcessorSeen
    """ Last sign of life of the processor by partition number. """
    waiting_events: int | None
    """ Events that the processor has not folded yet, at most; null while that cannot be told. """
    freshness: Freshness
    """ How fresh an answer is. """
    status: Literal["ready"] = "ready"
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        status = self.status

        broker = self.broker.value

        processor = self.processor.value

        processor_seen = self.processor_seen.to_dict()

        waiting_events: int | None
        waiting_events = self.waiting_events

        freshness = self.freshness.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "status": status,
                "broker": broker,
                "processor": processor,
                "processor_seen": processor_seen,
                "waiting_events": waiting_events,
                "freshness": freshness,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.freshness import Freshness  # noqa: PLC0415
        from ..models.processor_seen import ProcessorSeen  # noqa: PLC0415

        d = dict(src_dict)
        status = cast(Literal["ready"], d.pop("status"))
        if status != "ready":
            raise ValueError(f"status must match const 'ready', got '{status}'")

        broker = ReadinessBroker(d.pop("broker"))

        processor = ReadinessProcessor(d.pop("processor"))

        processor_seen = ProcessorSeen.from_dict(d.pop("processor_seen"))

        def _parse_waiting_events(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        waiting_events = _parse_waiting_events(d.pop("waiting_events"))

        freshness = Freshness.from_dict(d.pop("freshness"))

        readiness = cls(
            status=status,
            broker=broker,
            processor=processor,
            processor_seen=processor_seen,
            waiting_events=waiting_events,
            freshness=freshness,
        )

        readiness.additional_properties = d
        return readiness

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
