from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.completion_status import CompletionStatus
from ..models.processing_status import ProcessingStatus

if TYPE_CHECKING:
    from ..models.as_at import AsAt
    from ..models.entry import Entry
    from ..models.evidence import Evidence
    from ..models.freshness import Freshness
    from ..models.reason import Reason


T = TypeVar("T", bound="ItemAnswer")


@_attrs_define
class ItemAnswer:
    """One item with everything that was recorded for it."""

    service_request_id: str
    device_id: str
    device_type: str
    firmware_version: str
    status: ProcessingStatus
    completion: CompletionStatus
    reason: None | Reason
    updated_at: datetime.datetime
    """ Since when the status holds. """
    available_until: datetime.datetime
    """ When the item leaves the tracker. """
    evidence: Evidence
    """ The Kafka record behind a fact. """
    timeline: list[Entry]
    """ As received, oldest first. """
    not_kept: int
    """ Further records of this request, or of the device's Comms Hub, that were counted and not kept; 1,000 of
    either stands for so many or more. """
    freshness: Freshness
    """ How fresh an answer is. """
    as_at: AsAt | None
    """ null for an answer of now. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.as_at import AsAt  # noqa: PLC0415
        from ..models.reason import Reason  # noqa: PLC0415

        service_request_id = self.service_request_id

        device_id = self.device_id

        device_type = self.device_type

        firmware_version = self.firmware_version

        status = self.status.value

        completion = self.completion.value

        reason: dict[str, Any] | None
        if isinstance(self.reason, Reason):
            reason = self.reason.to_dict()
        else:
            reason = self.reason

        updated_at = self.updated_at.isoformat()

        available_until = self.available_until.isoformat()

        evidence = self.evidence.to_dict()

        timeline = []
        for timeline_item_data in self.timeline:
            timeline_item = timeline_item_data.to_dict()
            timeline.append(timeline_item)

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
                "service_request_id": service_request_id,
                "device_id": device_id,
                "device_type": device_type,
                "firmware_version": firmware_version,
                "status": status,
                "completion": completion,
                "reason": reason,
                "updated_at": updated_at,
                "available_until": available_until,
                "evidence": evidence,
                "timeline": timeline,
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
        from ..models.evidence import Evidence  # noqa: PLC0415
        from ..models.freshness import Freshness  # noqa: PLC0415
        from ..models.reason import Reason  # noqa: PLC0415

        d = dict(src_dict)
        service_request_id = d.pop("service_request_id")

        device_id = d.pop("device_id")

        device_type = d.pop("device_type")

        firmware_version = d.pop("firmware_version")

        status = ProcessingStatus(d.pop("status"))

        completion = CompletionStatus(d.pop("completion"))

        def _parse_reason(data: object) -> None | Reason:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                reason_type_0 = Reason.from_dict(data)

                return reason_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Reason, data)

        reason = _parse_reason(d.pop("reason"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        available_until = datetime.datetime.fromisoformat(d.pop("available_until"))

        evidence = Evidence.from_dict(d.pop("evidence"))

        timeline = []
        _timeline = d.pop("timeline")
        for timeline_item_data in _timeline:
            timeline_item = Entry.from_dict(timeline_item_data)

            timeline.append(timeline_item)

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

        item_answer = cls(
            service_request_id=service_request_id,
            device_id=device_id,
            device_type=device_type,
            firmware_version=firmware_version,
            status=status,
            completion=completion,
            reason=reason,
            updated_at=updated_at,
            available_until=available_until,
            evidence=evidence,
            timeline=timeline,
            not_kept=not_kept,
            freshness=freshness,
            as_at=as_at,
        )

        item_answer.additional_properties = d
        return item_answer

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
