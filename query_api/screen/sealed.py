"""Opens the sealed identifiers in the paths of pages, for the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from query_api.screen.sealing import NotSealedHere, Seal
from query_api.web.problems import Problem
from schemas.identifiers import DeviceId, ServiceRequestId

RequestToken = Annotated[str, Path(max_length=200)]
DeviceToken = Annotated[str, Path(max_length=200)]


def request_of(seal: Seal, token: str) -> ServiceRequestId:
    """The Service Request ID in a path; a 404 problem if the text was not sealed here."""
    try:
        return seal.open_request(token)
    except NotSealedHere as error:
        raise _no_such_page() from error


def device_of(seal: Seal, token: str) -> DeviceId:
    """The Device ID in a path; a 404 problem if the text was not sealed here."""
    try:
        return seal.open_device(token)
    except NotSealedHere as error:
        raise _no_such_page() from error


def _no_such_page() -> Problem:
    return Problem("no-such-path", "This address is not one of ours any more: search again.")
