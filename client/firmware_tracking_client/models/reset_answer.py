from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.processing_status import ProcessingStatus

if TYPE_CHECKING:
    from ..models.evidence import Evidence


T = TypeVar("T", bound="ResetAnswer")


@_attrs_define
class ResetAnswer:
    """The event of a reset, durable in its topic."""

    service_request_id: str
    device_id: str
    status: ProcessingStatus
    evidence: Evidence
    """ The Kafka record behind a fact. """
    shown: bool
    """ Whether this server shows the new status already. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        service_request_id = self.service_request_id

        device_id = self.device_id

        status = self.status.value

        evidence = self.evidence.to_dict()

        shown = self.shown

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "service_request_id": service_request_id,
                "device_id": device_id,
                "status": status,
                "evidence": evidence,
                "shown": shown,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.evidence import Evidence  # noqa: PLC0415

        d = dict(src_dict)
        service_request_id = d.pop("service_request_id")

        device_id = d.pop("device_id")

        status = ProcessingStatus(d.pop("status"))

        evidence = Evidence.from_dict(d.pop("evidence"))

        shown = d.pop("shown")

        reset_answer = cls(
            service_request_id=service_request_id,
            device_id=device_id,
            status=status,
            evidence=evidence,
            shown=shown,
        )

        reset_answer.additional_properties = d
        return reset_answer

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
