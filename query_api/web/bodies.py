"""Reads request bodies, with limits on their type, size and duration."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request

from query_api.web.problems import Problem

MOST_BYTES: Final = 16_384
MOST_FIELDS: Final = 32
WITHIN_S: Final = 10.0

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; a problem if it cannot be read or repeats a field."""
    body = await _body(request, FORM)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise _unusable("It is not a form in UTF-8") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _unusable("A field is there twice")
    return fields


async def read_json(request: Request) -> dict[str, Any]:
    """A JSON object; a problem if the body is none."""
    body = await _body(request, JSON)
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unusable("It is not a JSON object") from error
    return found


async def _body(request: Request, media_type: str) -> bytes:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise Problem("unsupported-media-type", f"Send the body as {media_type}.")
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _read(request)
    except TimeoutError as error:
        raise _unusable(f"It did not arrive within {WITHIN_S:g} seconds", "too-slow") from error
    except ClientDisconnect as error:
        raise _unusable("It was broken off") from error


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Problem("too-large", f"Send at most {MOST_BYTES} bytes.", {"Connection": "close"})
    return bytes(body)


def _unusable(why: str, kind: str = "invalid-body") -> Problem:
    return Problem(kind, f"The body cannot be used. {why}: send it again.", {"Connection": "close"})
