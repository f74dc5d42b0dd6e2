"""Bearer tokens (JWT): checks signature, issuer, audience and times, and reads the caller.

Only asymmetric algorithms are accepted: no token signed with a public key as a shared secret, and
no unsigned one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwa import JWSAlgModel
from joserfc.jwt import ClaimsOption

from query_api.identity.access import Caller, Role
from query_api.identity.keys import DEVELOPMENT_ISSUER, DevelopmentKey, KeySource, UnknownKey
from query_api.identity.provider_http import ProviderAway
from query_api.web.problems import RETRY_AFTER_S, Problem
from schemas.identifiers import Eui64, InvalidIdentifier

logger = logging.getLogger(__name__)

ALGORITHMS: Final = ("ES256", "RS256", "EdDSA", "Ed25519")
"""Accepted signature algorithms: neither ``none`` nor one with a shared secret."""
LEEWAY_S: Final = 30
MAX_TOKEN_LENGTH: Final = 16_384


class _Allowed(jws.JWSRegistry):
    """The registry of accepted algorithms, without a warning on the old name ``EdDSA``, which
    providers still use."""

    def get_alg(self, name: str) -> JWSAlgModel:
        """The algorithm of that name; joserfc's error if it is not accepted."""
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


_REGISTRY: Final = _Allowed()


@dataclass(frozen=True, slots=True)
class Claims:
    """Names of the claims that are read; a dot separates the names of nested claims."""

    user_ids: str = "user_ids"
    roles: str = "roles"


@dataclass(frozen=True, slots=True)
class Announced:
    """A token, and by its own word the key that signed it: nothing is believed of it yet."""

    token: str
    keys: KeySource
    """Of the issuer that it names."""
    kid: str

    @property
    def asks_nobody(self) -> bool:
        """Whether it is verified without a question to the provider, which may take seconds."""
        return self.keys.holds(self.kid)


class Authenticator:
    """Turns an ``Authorization`` header into a :class:`~query_api.identity.access.Caller`."""

    def __init__(
        self,
        issuers: Mapping[str, KeySource],
        audience: str,
        claims: Claims,
        now: Callable[[], int] = lambda: int(time.time()),
        required: tuple[str, ...] = ("exp", "sub"),
    ) -> None:
        self._issuers = dict(issuers)
        self._claims = claims
        self._registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_S,
            iss={"essential": True, "values": list(self._issuers)},
            aud={"essential": True, "value": audience},
            **{name: ClaimsOption(essential=True) for name in required},
        )
        self._audience = audience

    def announced(self, authorization: list[str]) -> Announced:
        """The token of a request's ``Authorization`` headers, and who signed it by its own word; a
        401 problem if it is refused as it is."""
        return self._announced(_bearer_token(authorization))

    def caller(self, authorization: list[str]) -> Caller:
        """The caller of a request with these ``Authorization`` headers; a 401 or 503 problem."""
        return self.caller_behind(self.announced(authorization))

    def caller_behind(self, announced: Announced) -> Caller:
        """The user behind a token, once it is verified; else a 401 or 503 problem."""
        return self.caller_of(self._verified(announced))

    def caller_of(self, claims: Mapping[str, Any]) -> Caller:
        """The caller that verified claims describe; a 401 problem if a claim is not valid."""
        name = claims.get("name") or claims.get("preferred_username")
        return Caller(
            subject=str(claims["sub"]),
            user_ids=_user_ids(_claim(claims, self._claims.user_ids), self._claims.user_ids),
            roles=_roles(_claim(claims, self._claims.roles)),
            name=name if isinstance(name, str) else "",
        )

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of a token, once its signature, issuer, audience and times are checked.

        A 401 or 503 problem otherwise.
        """
        return self._verified(self._announced(token))

    def _verified(self, announced: Announced) -> dict[str, Any]:
        try:
            key = announced.keys.key(announced.kid)
            claims: dict[str, Any] = jwt.decode(announced.token, key, registry=_REGISTRY).claims
            self._registry.validate(claims)
        except UnknownKey as error:
            raise _refused("Its signing key is not the issuer's: sign in again.") from error
        except ProviderAway as error:
            raise _provider_away() from error
        except (JoseError, ValueError) as error:
            raise _refused(self._why(error)) from error
        return claims

    def _announced(self, token: str) -> Announced:
        """Issuer and key ID in the token, which is not verified yet."""
        try:
            unverified = jws.extract_compact(token.encode())
            header = unverified.headers()
            issuer = msgspec.json.decode(unverified.payload, type=dict[str, Any]).get("iss")
        except (JoseError, ValueError, msgspec.DecodeError) as error:
            raise _refused("It is not a signed JSON Web Token: sign in again.") from error
        if header.get("alg") not in ALGORITHMS:
            raise _refused(f"It must be signed with one of {', '.join(ALGORITHMS[:3])}.")
        if not isinstance(issuer, str) or issuer not in self._issuers:
            raise _refused(
                "It comes from an issuer that this server does not accept: sign in at the identity "
                "provider of this system."
            )
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise _refused("Its header names no key (kid): have the identity provider add it.")
        return Announced(token, self._issuers[issuer], kid)

    def _why(self, error: Exception) -> str:
        if isinstance(error, ExpiredTokenError):
            return "It has expired: sign in again."
        if isinstance(error, BadSignatureError):
            return "Its signature is wrong: sign in again."
        if isinstance(error, MissingClaimError):
            return f"Claims are missing ({error.description}): have the identity provider add them."
        if isinstance(error, InvalidClaimError) and error.claim == "aud":
            return f"It is for another audience than {self._audience!r}: ask for one for this API."
        if isinstance(error, InvalidClaimError) and error.claim == "nbf":
            return (
                "It is not valid yet: check the clocks of the identity provider and of this server."
            )
        return f"It cannot be verified ({type(error).__name__}): sign in again."


def development_token(
    key: DevelopmentKey,
    *,
    audience: str,
    claims: Claims,
    subject: str,
    user_ids: list[Eui64],
    roles: list[Role],
    valid_s: int,
) -> str:
    """A token of the development issuer, valid from now for ``valid_s`` seconds."""
    now = int(time.time())
    content: dict[str, Any] = {
        "iss": DEVELOPMENT_ISSUER,
        "aud": audience,
        "sub": subject,
        "iat": now,
        "nbf": now,
        "exp": now + valid_s,
    }
    put_claim(content, claims.user_ids, [str(user_id) for user_id in user_ids])
    put_claim(content, claims.roles, [str(role) for role in roles])
    return jwt.encode({"alg": "ES256", "kid": key.kid}, content, key.private)


def _bearer_token(authorization: list[str]) -> str:
    if not authorization:
        raise Problem(
            "not-signed-in",
            "Send an access token of the identity provider: Authorization: Bearer <token>.",
            {"WWW-Authenticate": 'Bearer realm="fdt"'},
        )
    scheme, _, token = authorization[0].partition(" ")
    token = token.strip()
    if len(authorization) > 1 or scheme.lower() != "bearer" or not token:
        raise _refused("Send exactly one header, Authorization: Bearer <token>.")
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise _refused("It is not a JSON Web Token of usual size: sign in again.")
    return token


def _refused(why: str) -> Problem:
    return Problem(
        "invalid-token",
        why if why.startswith("Send") else f"The access token is refused. {why}",
        {"WWW-Authenticate": 'Bearer realm="fdt", error="invalid_token"'},
    )


def _provider_away() -> Problem:
    return Problem(
        "sign-in-unavailable",
        "The identity provider cannot be reached to check the token: try again in a moment.",
        {"Retry-After": str(RETRY_AFTER_S)},
    )


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """The claim of exactly that name, or the nested one."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def put_claim(claims: dict[str, Any], name: str, value: object) -> None:
    """Put a claim where :func:`_claim` finds it."""
    *path, last = name.split(".")
    for part in path:
        claims = claims.setdefault(part, {})
    claims[last] = value


def _texts(value: object) -> list[str]:
    """The texts of a claim: a list, or one text separated by spaces; else none."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [text for text in value if isinstance(text, str)]
    return []


def _user_ids(value: object, claim: str) -> frozenset[Eui64]:
    try:
        return frozenset(Eui64.parse(text) for text in _texts(value))
    except InvalidIdentifier as error:
        raise _refused(
            f"Its claim {claim!r} holds something that is not a User ID ({error.hint}): have the "
            "identity provider put it right."
        ) from error


def _roles(value: object) -> frozenset[Role]:
    known = {str(role): role for role in Role}
    return frozenset(known[text] for text in _texts(value) if text in known)
