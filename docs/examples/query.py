"""A back end's journey with the typed client: all pages of a request, what failed, what changed,
one device, one item, a file, a reset.

``query.py URL TOKEN REQUEST [CENTRE_TOKEN]``: with the Service Centre's token the last item is
reset too.
"""

import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeVar

from firmware_tracking_client import AuthenticatedClient
from firmware_tracking_client.api.devices import read_device, read_item
from firmware_tracking_client.api.resets import reset_item
from firmware_tracking_client.api.service_requests import download_request, read_request
from firmware_tracking_client.models import (
    CompletionStatus,
    DeviceAnswer,
    Item,
    ItemAnswer,
    ProblemDetails,
    RequestAnswer,
    ResetAnswer,
    ResetOrder,
)
from firmware_tracking_client.types import Response

T = TypeVar("T")


def good(response: Response[Any], kind: type[T]) -> T:
    """The answer, or an end with what the read side says of it; 429 and 503 say when to retry."""
    if isinstance(response.parsed, kind):
        return response.parsed
    if isinstance(response.parsed, ProblemDetails):
        raise SystemExit(f"{response.parsed.title}: {response.parsed.detail}")
    raise SystemExit(f"{response.status_code} {HTTPStatus(response.status_code).phrase}")


def pages(client: AuthenticatedClient, request: str) -> Iterator[RequestAnswer]:
    """A walk through all pages."""
    cursor: str | None = None
    while True:
        asked = read_request.sync_detailed(request, client=client, cursor=cursor, limit=500)
        page = good(asked, RequestAnswer)
        yield page
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def reset(centre: AuthenticatedClient, item: Item) -> None:
    """Free a device for another request; the same key again changes nothing."""
    order = ResetOrder(
        reason="The hub was replaced",
        incident_reference="INC2",
        seen_event_id=item.evidence.event_id,
        confirm_final=True,
    )
    asked = reset_item.sync_detailed(
        item.device_id,
        item.service_request_id,
        client=centre,
        body=order,
        idempotency_key="second-try",
    )
    print("now:", good(asked, ResetAnswer).status)


def main(url: str, token: str, request: str, centre_token: str | None = None) -> None:
    """Ask for everything that a screen shows."""
    with AuthenticatedClient(base_url=url, token=token) as client:
        found = list(pages(client, request))
        items = [item for page in found for item in page.items]
        print(len(items), "devices:", found[0].counts.to_dict())

        asked = read_request.sync_detailed(
            request, client=client, completion=[CompletionStatus.FAILED]
        )
        for item in good(asked, RequestAnswer).items[:3]:
            print(item.device_id, item.status, item.reason.text if item.reason else "")

        asked = read_request.sync_detailed(
            request, client=client, changed_since=found[0].changes_cursor
        )
        print(len(good(asked, RequestAnswer).items), "changed meanwhile")

        last = items[-1]
        device = good(read_device.sync_detailed(last.device_id, client=client), DeviceAnswer)
        print(last.device_id, "is in", len(device.items), "requests")
        one = good(read_item.sync_detailed(last.device_id, request, client=client), ItemAnswer)
        for entry in one.timeline:
            print(f"  {entry.occurred_at:%d %b %H:%M}  {entry.code}  {entry.reason.text}")

        table = good(download_request.sync_detailed(request, client=client), str)
        print(len(table.splitlines()) - 1, "lines as CSV")
    if centre_token is not None:
        with AuthenticatedClient(base_url=url, token=centre_token) as centre:
            reset(centre, last)


if __name__ == "__main__":
    main(*sys.argv[1:])
