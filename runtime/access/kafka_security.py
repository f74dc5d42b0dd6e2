"""How every Kafka client proves who it is, and knows the broker: settings of the environment.

``fdt.settings`` has these settings among all others; :mod:`runtime.kafka` takes them for each
client that it makes, whatever the program. A secret stands in a file, which is read when a client
is made: a program is started again after a rotation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_TLS: Final = ("SSL", "SASL_SSL")
_SASL: Final = ("SASL_PLAINTEXT", "SASL_SSL")
_OF_TLS: Final = ("kafka_ca_file", "kafka_certificate_file", "kafka_key_file")
_OF_SASL: Final = ("kafka_user", "kafka_password_file")


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
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the password is proved."
    )
    kafka_user: str | None = Field(None, examples=["fdt-worker"], description="User of SASL.")
    kafka_password_file: Path | None = Field(
        None, examples=["/run/secrets/kafka"], description="File with that user's password."
    )

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
        for name in (*_OF_TLS, "kafka_password_file"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"FDT_{name.upper()} is {path}: there is no such file")
        if self.has_sasl and not self._password():
            raise ValueError(f"FDT_KAFKA_PASSWORD_FILE is {self.kafka_password_file}: it is empty")
        if (protocol, self.kafka_sasl_mechanism) == ("SASL_PLAINTEXT", "PLAIN"):
            raise ValueError(
                "FDT_KAFKA_SASL_MECHANISM is PLAIN and FDT_KAFKA_SECURITY_PROTOCOL is "
                "SASL_PLAINTEXT: the password would be there for all to read; use SASL_SSL or SCRAM"
            )
        return self

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.kafka_security_protocol in _TLS

    @property
    def has_sasl(self) -> bool:
        """Whether a password is asked for."""
        return self.kafka_security_protocol in _SASL

    def of_librdkafka(self) -> dict[str, Any]:
        """Configuration of a confluent-kafka client; its host names are checked."""
        found: dict[str, Any] = {"security.protocol": self.kafka_security_protocol}
        if self.has_tls:
            found["ssl.endpoint.identification.algorithm"] = "https"
            files = {
                "ssl.ca.location": self.kafka_ca_file,
                "ssl.certificate.location": self.kafka_certificate_file,
                "ssl.key.location": self.kafka_key_file,
            }
            found |= {name: str(path) for name, path in files.items() if path is not None}
        if self.has_sasl:
            found |= {
                "sasl.mechanism": self.kafka_sasl_mechanism,
                "sasl.username": self.kafka_user,
                "sasl.password": self._password(),
            }
        return found

    def of_aiokafka(self) -> dict[str, Any]:
        """Arguments of an aiokafka client."""
        found: dict[str, Any] = {"security_protocol": self.kafka_security_protocol}
        if self.has_tls:
            from aiokafka.helpers import create_ssl_context

            found["ssl_context"] = create_ssl_context(
                cafile=self.kafka_ca_file,
                certfile=self.kafka_certificate_file,
                keyfile=self.kafka_key_file,
            )
        if self.has_sasl:
            found |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_user,
                "sasl_plain_password": self._password(),
            }
        return found

    def _password(self) -> str:
        assert self.kafka_password_file is not None
        return self.kafka_password_file.read_text(encoding="utf-8").strip()
