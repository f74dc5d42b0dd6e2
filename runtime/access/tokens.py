"""Access tokens for Kafka (OAuth 2 client credentials), for the client of Faust's thread.

librdkafka fetches its own. The sentences about a failing token endpoint are made here for both:
:mod:`runtime.access.diagnosis` calls :func:`fetched` after a failed connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
import msgspec
from aiokafka.abc import AbstractTokenProvider

from runtime.access.kafka_security import KafkaSecurity

ANSWER_S: Final = 10.0
RENEWED_AFTER: Final = 0.8
"""The part of its life for which a token is used; the rest is time to get another."""


class NoToken(ConnectionError):
    """The token endpoint gave none; the message says which setting is wrong, if one is."""


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float = 60.0


class _Refusal(msgspec.Struct):
    error: str
    error_description: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and how many seconds it lives from when it was given."""

    text: str
    lives_s: float


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """Gives the current token, renewed in good time; the secret is read anew for each."""

    def __init__(
        self,
        access: Callable[[], KafkaSecurity],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._clock = clock
        self._token: Token | None = None
        self._renew_at = 0.0

    async def token(self) -> str:
        """For one connection; :class:`NoToken` makes the client try again later."""
        if self._token is None or self._clock() >= self._renew_at:
            began = self._clock()
            loop = asyncio.get_running_loop()
            self._token = await loop.run_in_executor(None, fetched, self._access())
            self._renew_at = began + RENEWED_AFTER * self._token.lives_s
        return self._token.text


def fetched(access: KafkaSecurity) -> Token:
    """A new token; :class:`NoToken`."""
    form = {"grant_type": "client_credentials"}
    if access.kafka_token_scope is not None:
        form["scope"] = access.kafka_token_scope
    try:
        answer = httpx.post(
            access.token_url,
            data=form,
            auth=(access.kafka_user or "", access.credentials.password or ""),
            verify=access.token_context(),
            timeout=ANSWER_S,
        )
        if not answer.is_success:
            raise NoToken(_refused(access, answer))
        found = msgspec.json.decode(answer.content, type=_Answer)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoToken(_silent(access, error)) from error
    except msgspec.DecodeError as error:
        raise NoToken(
            f"FDT_KAFKA_TOKEN_URL {access.token_url} gave no token ({error}): name the token "
            "endpoint of the identity provider"
        ) from error
    return Token(found.access_token, found.expires_in)


def _refused(access: KafkaSecurity, answer: httpx.Response) -> str:
    told, advice = f"HTTP {answer.status_code}", "name the token endpoint of the identity provider"
    try:
        refusal = msgspec.json.decode(answer.content, type=_Refusal)
    except msgspec.DecodeError:
        refusal = None
    if refusal is not None:
        told = f"{told}: {' '.join(filter(None, (refusal.error, refusal.error_description)))}"
    if answer.status_code == 401 or (refusal and refusal.error.endswith("_client")):
        advice = "check the client ID and its secret in FDT_KAFKA_PASSWORD_FILE"
    elif refusal is not None and refusal.error == "invalid_scope":
        advice = "check FDT_KAFKA_TOKEN_SCOPE"
    return (
        f"FDT_KAFKA_TOKEN_URL {access.token_url} gives no token to FDT_KAFKA_USER "
        f"{access.kafka_user} ({told}): {advice}"
    )


def _silent(access: KafkaSecurity, error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        advice = "name who signed its certificate in FDT_KAFKA_TOKEN_CA_FILE"
    else:
        advice = "check the address, and that it can be reached from here"
    return f"FDT_KAFKA_TOKEN_URL {access.token_url} does not answer ({error}): {advice}"
