"""One broker with a listener for each way in, and the environment that opens each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from fdt.brokers.local import LocalKafka, Ports
from fdt.processes.children import LOCALHOST, free_port
from runtime import kafka
from tests.runtime.access.secured import PASSWORDS, Authority, broker_settings, variables
from tests.runtime.access.token_endpoint import ISSUER, SCOPE, TokenEndpoint

WAYS: Final = ("TOKENS", "MUTUAL", "OPEN", "EXPIRED")
"""Beside the local broker's own listener, which asks for TLS and a password."""
_OAUTH: Final = "org.apache.kafka.common.security.oauthbearer"
WITHIN_S: Final = 60.0


@dataclass
class ManyWays:
    """The broker and who signed what."""

    folder: Path
    authority: Authority
    tokens: TokenEndpoint
    ports: dict[str, int] = field(default_factory=lambda: {way: free_port() for way in WAYS})
    own: Ports = field(default_factory=lambda: Ports(free_port(), free_port()))

    def at(self, way: str = "", host: str = LOCALHOST) -> str:
        """The address of a way in; without a name the one with TLS and a password."""
        return f"{host}:{self.ports.get(way, self.own.client)}"

    def by_password(self) -> dict[str, str]:
        """The worker, by SCRAM."""
        return variables(self.authority, "worker", "SCRAM-SHA-512")

    def by_certificate(self) -> dict[str, str]:
        """The worker, by its certificate alone."""
        certificate, key = self.authority.issue("worker")
        return {
            "FDT_KAFKA_SECURITY_PROTOCOL": "SSL",
            "FDT_KAFKA_CA_FILE": str(self.authority.ca),
            "FDT_KAFKA_CERTIFICATE_FILE": str(certificate),
            "FDT_KAFKA_KEY_FILE": str(key),
        }

    def by_token(self) -> dict[str, str]:
        """The worker, by access tokens."""
        self.tokens.secrets["worker"] = PASSWORDS["worker"]
        return {
            **variables(self.authority, "worker", "OAUTHBEARER"),
            "FDT_KAFKA_TOKEN_URL": self.tokens.url,
            "FDT_KAFKA_TOKEN_SCOPE": SCOPE,
            "FDT_KAFKA_TOKEN_CA_FILE": str(self.authority.ca),
        }

    def broker(self, **more: str) -> LocalKafka:
        """Not started yet."""
        folder = self.folder / "kafka"
        folder.mkdir(exist_ok=True)
        (folder / "ports.json").write_text(json.dumps(asdict(self.own)), encoding="ascii")
        keys = self.tokens.jwks(self.folder / "jwks.json").as_uri()
        allowed = [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.{n}={keys}" for n in _ALLOWED]
        settings = {**broker_settings(self.authority), **self._listeners(), **self._token_way(keys)}
        return LocalKafka(folder, extra={**settings, **more}, jvm=allowed)

    def _listeners(self) -> dict[str, str]:
        where = {"PLAINTEXT": self.own.client, **self.ports}
        clients = [f"{name}://{LOCALHOST}:{port}" for name, port in where.items()]
        controller = f"CONTROLLER://{LOCALHOST}:{self.own.controller}"
        expired = self.authority.keystore("expired", LOCALHOST, expired=True)
        return {
            "listeners": ",".join([*clients, controller]),
            "advertised.listeners": ",".join(clients),
            "listener.security.protocol.map": "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT,"
            "TOKENS:SASL_SSL,MUTUAL:SSL,OPEN:PLAINTEXT,EXPIRED:SASL_SSL",
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.expired.ssl.keystore.location": str(expired),
            "listener.name.expired.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.expired.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:broker;User:ANONYMOUS;User:worker",
        }

    @staticmethod
    def _token_way(keys: str) -> dict[str, str]:
        way = "listener.name.tokens"
        return {
            f"{way}.sasl.enabled.mechanisms": "OAUTHBEARER",
            f"{way}.oauthbearer.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
            f"{way}.oauthbearer.sasl.server.callback.handler.class": (
                f"{_OAUTH}.OAuthBearerValidatorCallbackHandler"
            ),
            f"{way}.oauthbearer.connections.max.reauth.ms": "3600000",
            "sasl.oauthbearer.jwks.endpoint.url": keys,
            "sasl.oauthbearer.expected.audience": "kafka",
            "sasl.oauthbearer.expected.issuer": ISSUER,
        }


_ALLOWED: Final = ("urls", "files")


@contextmanager
def acting(environment: dict[str, str]) -> Iterator[pytest.MonkeyPatch]:
    """Every client that is made meanwhile has these variables, and no others of Kafka's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FDT_KAFKA_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield patch


def set_password(bootstrap: str, user: str, password: str) -> None:
    """As an operator does; whoever asks is one."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096)
    wanted: list[Any] = [UserScramCredentialUpsertion(user, info, password.encode())]
    admin = kafka.admin_client(bootstrap)  # kept: the answer of one that is gone never comes
    for done in admin.alter_user_scram_credentials(wanted).values():
        done.result(WITHIN_S)
