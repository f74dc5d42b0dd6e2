from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.mark import Mark
from ..models.processing_status import ProcessingStatus

if TYPE_CHECKING:
    from ..models.evidence import Evidence
    from ..models.reason import Reason


T = TypeVar("T", bound="Entry")


@_attrs_define
class Entry:
    """One record of a timeline."""

    status: None | ProcessingStatus
    """ null where the record sets none. """
    marks: list[Mark]
    """ Why it did not become the status, or is not as it was sent. """
    code: str
    reason: Reason
    """ Why, in plain English. """
    detail: None | str
    """ What the source added, cut at 1 KiB. """
    occurred_at: datetime.datetime
    received_at: datetime.datetime
    evidence: Evidence
    """ The Kafka record behind a fact. """
    copies: int
    """ Further records of the same event that were received. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        status: None | str
        if isinstance(self.status, ProcessingStatus):
            status = self.status.value
        else:
            status = self.status

        marks = []
        for marks_item_data in self.marks:
            marks_item = marks_item_data.value
            marks.append(marks_item)

        code = self.code

        reason = self.reason.to_dict()

        detail: None | str
        detail = self.detail

        occurred_at = self.occurred_at.isoformat()

        received_at = self.received_at.isoformat()

        evidence = self.evidence.to_dict()

        copies = self.copies

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "status": status,
                "marks": marks,
                "code": code,
                "reason": reason,
                "detail": detail,
                "occurred_at": occurred_at,
                "received_at": received_at,
                "evidence": evidence,
                "copies": copies,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.evidence import Evidence  # noqa: PLC0415
        from ..models.reason import Reason  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_status(data: object) -> None | ProcessingStatus:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_0 = ProcessingStatus(data)

                return status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | ProcessingStatus, data)

        status = _parse_status(d.pop("status"))

        marks = []
        _marks = d.pop("marks")
        for marks_item_data in _marks:
            marks_item = Mark(marks_item_data)

            marks.append(marks_item)

        code = d.pop("code")

        reason = Reason.from_dict(d.pop("reason"))

        def _parse_detail(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        detail = _parse_detail(d.pop("detail"))

        occurred_at = datetime.datetime.fromisoformat(d.pop("occurred_at"))

        received_at = datetime.datetime.fromisoformat(d.pop("received_at"))

        evidence = Evidence.from_dict(d.pop("evidence"))

        copies = d.pop("copies")

        entry = cls(
            status=status,
            marks=marks,
            code=code,
            reason=reason,
            detail=detail,
            occurred_at=occurred_at,
            received_at=received_at,
            evidence=evidence,
            copies=copies,
        )

        entry.additional_properties = d
        return entry

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
