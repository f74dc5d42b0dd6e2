"""Settings of the environment by which every Kafka client proves its user and checks the broker.

``fdt.settings`` includes them; :mod:`runtime.kafka` applies them to each client. Secrets are in
files. The files are read together and checked against each other, so that no client has a
certificate with the key of another; :mod:`runtime.access.rotation` notices that they change.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.access.address import is_loopback_url
from runtime.access.named_file import text_of

OAUTHBEARER: Final = "OAUTHBEARER"
_PREFIX: Final = "FDT_KAFKA_"
_TLS: Final = ("SSL", "SASL_SSL")
_SASL: Final = ("SASL_PLAINTEXT", "SASL_SSL")
_OF_TLS: Final = ("kafka_ca_file", "kafka_certificate_file", "kafka_key_file")
_OF_SASL: Final = ("kafka_user", "kafka_password_file")
_OF_TOKENS: Final = ("kafka_token_url", "kafka_token_scope", "kafka_token_ca_file")
_READABLE_BY_ALL: Final = ("PLAIN", OAUTHBEARER)
"""Mechanisms that send the password or the token itself."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the files hold, read at one moment; PEM, but for the password."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    token_ca: str | None = None
    password: str | None = None

    @property
    def of_tls(self) -> tuple[str | None, ...]:
        """All but the password."""
        return self.ca, self.certificate, self.key, self.token_ca


class KafkaSecurity(BaseSettings):
    """The settings; ``pydantic.ValidationError`` names what is missing or not there."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="FDT_", env_ignore_empty=True, frozen=True
    )

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is reached: with TLS (`SSL`), with SASL, with both."
    )
    kafka_ca_file: Path | None = Field(
        None,
        examples=["/etc/fdt/ca.pem"],
        description="Certificates (PEM) that may sign the brokers'; without it the system's.",
    )
    kafka_certificate_file: Path | None = Field(
        None,
        examples=["/etc/fdt/client.pem"],
        description="Our own certificate (PEM), where brokers ask for one (mutual TLS).",
    )
    kafka_key_file: Path | None = Field(
        None, examples=["/etc/fdt/client.key"], description="Its private key (PEM, not encrypted)."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512",
        description="How the user is proved: by a password, or by an access token (`OAUTHBEARER`).",
    )
    kafka_user: str | None = Field(
        None,
        examples=["fdt-worker"],
        description="User of SASL; with `OAUTHBEARER` our client ID at the token endpoint.",
    )
    kafka_password_file: Path | None = Field(
        None,
        examples=["/run/secrets/kafka"],
        description="File with that user's password, or that client's secret; read again when it "
        "changes.",
    )
    kafka_token_url: str | None = Field(
        None,
        examples=["https://idp.example/realms/kafka/protocol/openid-connect/token"],
        description="Where access tokens for Kafka are had (OAuth 2 client credentials).",
    )
    kafka_token_scope: str | None = Field(
        None, examples=["kafka"], description="Scopes that are asked for, apart by spaces."
    )
    kafka_token_ca_file: Path | None = Field(
        None,
        examples=["/etc/fdt/ca.pem"],
        description="Certificates (PEM) that may sign the token endpoint's; without it the "
        "system's.",
    )

    _credentials: Credentials = PrivateAttr(default_factory=Credentials)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        protocol = self.kafka_security_protocol
        if self.has_sasl and not (self.kafka_user and self.kafka_password_file):
            raise ValueError(
                f"FDT_KAFKA_SECURITY_PROTOCOL is {protocol}: set FDT_KAFKA_USER and "
                "FDT_KAFKA_PASSWORD_FILE"
            )
        if (self.kafka_certificate_file is None) != (self.kafka_key_file is None):
            raise ValueError(
                "FDT_KAFKA_CERTIFICATE_FILE and FDT_KAFKA_KEY_FILE come together: set both"
            )
        for used, names in ((self.has_tls, _OF_TLS), (self.has_sasl, _OF_SASL)):
            if given := [name for name in names if getattr(self, name) is not None and not used]:
                raise ValueError(
                    f"FDT_{given[0].upper()} is set and FDT_KAFKA_SECURITY_PROTOCOL is {protocol}, "
                    "which does not use it: set the protocol, or leave the other out"
                )
        self._check_tokens()
        if protocol == "SASL_PLAINTEXT" and self.kafka_sasl_mechanism in _READABLE_BY_ALL:
            what = "token" if self.has_tokens else "password"
            raise ValueError(
                f"FDT_KAFKA_SASL_MECHANISM is {self.kafka_sasl_mechanism} and "
                f"FDT_KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT: the {what} would be there for all "
                "to read; use SASL_SSL or SCRAM"
            )
        self._credentials = self._read()
        self.tls_context()
        if self.has_tokens:
            self.token_context()
        return self

    def _check_tokens(self) -> None:
        given = [name for name in _OF_TOKENS if getattr(self, name) is not None]
        if given and not self.has_tokens:
            raise ValueError(
                f"FDT_{given[0].upper()} is set and no token is asked for: set "
                "FDT_KAFKA_SASL_MECHANISM to OAUTHBEARER and FDT_KAFKA_SECURITY_PROTOCOL to "
                "SASL_SSL, or leave it out"
            )
        if not self.has_tokens:
            return
        if self.kafka_token_url is None:
            raise ValueError("FDT_KAFKA_SASL_MECHANISM is OAUTHBEARER: set FDT_KAFKA_TOKEN_URL")
        if not (self.kafka_token_url.startswith("https://") or is_loopback_url(self.token_url)):
            raise ValueError(
                f"FDT_KAFKA_TOKEN_URL is {self.kafka_token_url}, which is not https: the secret "
                "would be there for all to read"
            )

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.kafka_security_protocol in _TLS

    @property
    def has_sasl(self) -> bool:
        """Whether a user is asked for."""
        return self.kafka_security_protocol in _SASL

    @property
    def has_tokens(self) -> bool:
        """Whether an access token proves who we are."""
        return self.has_sasl and self.kafka_sasl_mechanism == OAUTHBEARER

    @property
    def token_url(self) -> str:
        """The token endpoint; empty if none is set."""
        return self.kafka_token_url or ""

    @property
    def credentials(self) -> Credentials:
        """What the files held when the settings were read."""
        return self._credentials

    def tls_context(self) -> ssl.SSLContext | None:
        """Python's TLS context for a connection to a broker, whose name is checked; None without
        TLS. ``ValueError`` names the file that cannot be used."""
        if not self.has_tls:
            return None
        context = _trusting(self._credentials.ca, "FDT_KAFKA_CA_FILE", self.kafka_ca_file)
        if self.kafka_certificate_file is not None and self.kafka_key_file is not None:
            _present(context, self.kafka_certificate_file, self.kafka_key_file)
        return context

    def token_context(self) -> ssl.SSLContext:
        """The same for the token endpoint."""
        file = self.kafka_token_ca_file
        return _trusting(self._credentials.token_ca, "FDT_KAFKA_TOKEN_CA_FILE", file)

    def of_librdkafka(self) -> dict[str, Any]:
        """Configuration of a confluent-kafka client; its host names are checked."""
        found: dict[str, Any] = {"security.protocol": self.kafka_security_protocol}
        held = self._credentials
        if self.has_tls:
            found["ssl.endpoint.identification.algorithm"] = "https"
            pem = {
                "ssl.ca.pem": held.ca,
                "ssl.certificate.pem": held.certificate,
                "ssl.key.pem": held.key,
            }
            found |= {name: text for name, text in pem.items() if text is not None}
        if self.has_tokens:
            found |= self._tokens_of_librdkafka()
        elif self.has_sasl:
            found |= {
                "sasl.mechanism": self.kafka_sasl_mechanism,
                "sasl.username": self.kafka_user,
                "sasl.password": held.password,
            }
        return found

    def _tokens_of_librdkafka(self) -> dict[str, Any]:
        """The client fetches its tokens itself, in a thread of its own. A callback of ours would
        keep each new client waiting for a second (confluent-kafka 2.13 to 2.16)."""
        found = {
            "sasl.mechanism": OAUTHBEARER,
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": self.kafka_user,
            "sasl.oauthbearer.client.secret": self._credentials.password,
            "sasl.oauthbearer.token.endpoint.url": self.kafka_token_url,
        }
        if self.kafka_token_scope is not None:
            found["sasl.oauthbearer.scope"] = self.kafka_token_scope
        if self._credentials.token_ca is not None:
            found["https.ca.pem"] = self._credentials.token_ca
        return found

    def of_aiokafka(self) -> dict[str, Any]:
        """Arguments of an aiokafka client."""
        found: dict[str, Any] = {"security_protocol": self.kafka_security_protocol}
        if self.has_tls:
            found["ssl_context"] = self.tls_context()
        if self.has_sasl:
            found["sasl_mechanism"] = self.kafka_sasl_mechanism
        if self.has_tokens:
            from runtime.access.tokens import Tokens

            found["sasl_oauth_token_provider"] = Tokens(current)
        elif self.has_sasl:
            found |= {
                "sasl_plain_username": self.kafka_user,
                "sasl_plain_password": self._credentials.password,
            }
        return found

    def _read(self) -> Credentials:
        found = Credentials(
            ca=_text("FDT_KAFKA_CA_FILE", self.kafka_ca_file),
            certificate=_text("FDT_KAFKA_CERTIFICATE_FILE", self.kafka_certificate_file),
            key=_text("FDT_KAFKA_KEY_FILE", self.kafka_key_file),
            token_ca=_text("FDT_KAFKA_TOKEN_CA_FILE", self.kafka_token_ca_file),
            password=_text("FDT_KAFKA_PASSWORD_FILE", self.kafka_password_file),
        )
        if self.has_sasl and not found.password:
            raise ValueError(f"FDT_KAFKA_PASSWORD_FILE is {self.kafka_password_file}: it is empty")
        return found


_known: tuple[Mapping[str, str], KafkaSecurity] | None = None


def current() -> KafkaSecurity:
    """The settings with what the files hold now; while a file is being replaced and cannot be
    used, with what they held before. Raises ``pydantic.ValidationError`` where nothing was read
    before."""
    global _known
    variables = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    try:
        _known = variables, KafkaSecurity()
    except ValidationError:
        if _known is None or _known[0] != variables:
            raise
    return _known[1]


def _text(variable: str, path: Path | None) -> str | None:
    return None if path is None else text_of(variable, path)


def _trusting(ca: str | None, variable: str, path: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"{variable} is {path}: it holds no certificates (PEM)") from error


def _present(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(
                f"FDT_KAFKA_KEY_FILE is {key}, which is not the key of the certificate in "
                f"FDT_KAFKA_CERTIFICATE_FILE, {certificate}: name the two that belong together"
            ) from error
        raise ValueError(
            f"FDT_KAFKA_CERTIFICATE_FILE is {certificate} and FDT_KAFKA_KEY_FILE {key}: one of "
            f"them is no PEM ({error.reason})"
        ) from error


def _no_password() -> str:
    raise ValueError("FDT_KAFKA_KEY_FILE is encrypted: name a key without a password")
