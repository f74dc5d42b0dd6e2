"""An item of a list from its index entry alone: what the device's row gives, without timeline."""

from __future__ import annotations

from projections.catalogue import Catalogue, Meaning, UnknownCode
from projections.lifecycle import Status
from projections.views import ItemView, evidence_of, reason_of
from query_api.view.layout import IndexEntry
from schemas.topics import Source


def list_item(
    request_id: str, device_id: str, entry: IndexEntry, catalogue: Catalogue, retention_ms: int
) -> ItemView:
    """The item as lists show it; ``retention_ms`` counts from the evidence's received time."""
    evidence = entry.evidence
    return ItemView(
        service_request_id=request_id,
        device_id=device_id,
        device_type=entry.device_type,
        firmware_version=entry.version,
        status=Status(evidence.status),
        reason=reason_of(evidence, catalogue),
        updated_at=evidence.at,
        available_until=evidence.received_at + retention_ms,
        evidence=evidence_of(evidence),
        timeline=(),
    )


class ForgivingCatalogue(Catalogue):
    """A catalogue for reading: a code that it does not know costs the words, not the answer.

    Rows are made by the processor's catalogue; during an upgrade that may be a newer one.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue.version, ())
        self._catalogue = catalogue

    def meaning(
        self, source: Source, code: str, result: int | None, message: str | None
    ) -> Meaning:
        """What a code means; a substitute text where the catalogue does not know it."""
        try:
            return self._catalogue.meaning(source, code, result, message)
        except UnknownCode:
            return Meaning(
                status=0,
                text=f"The read side's code catalogue ({self.version}) does not explain this code",
                next_step="Ask the DCC Service Desk, and quote the code.",
                retryable=False,
                proof=False,
                quotes_detail=False,
            )
