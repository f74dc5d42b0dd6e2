"""Makes list items from index entries: the same as from the device's row, without timeline."""

from __future__ import annotations

from projections.catalogue import Catalogue, Meaning, UnknownCode
from projections.lifecycle import Status
from projections.views import ItemView, evidence_of, reason_of
from query_api.view.layout import IndexEntry
from schemas.topics import Source


def list_item(
    request_id: str, device_id: str, entry: IndexEntry, catalogue: Catalogue, retention_ms: int
) -> ItemView:
    """The item as lists show it. It is available for ``retention_ms`` after its evidence was
    received."""
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
    """A catalogue that gives a substitute text for an unknown code, instead of raising.

    Rows are made with the processor's catalogue, which may be newer during an upgrade.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue.version, ())
        self._catalogue = catalogue

    def meaning(
        self, source: Source, code: str, result: int | None, message: str | None
    ) -> Meaning:
        """The meaning of a code; a substitute text if the catalogue does not know it."""
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
