"""Brokers that ask for a certificate and a password, and credentials of them that are replaced."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from fdt.processes.children import LOCALHOST
from runtime import kafka
from tests.runtime.access.many_ways import WITHIN_S, set_password
from tests.runtime.access.secured import PASSWORDS, Authority, broker_settings

_ALERT_S: Final = 2.0
REAUTHENTICATE_MS: Final = 4_000
"""A connection that cannot prove itself again ends after so long."""


class Files:
    """What one user of the brokers holds; each file is replaced at one moment."""

    def __init__(self, folder: Path, user: str, mechanism: str = "SCRAM-SHA-512") -> None:
        folder.mkdir(parents=True)
        self.user = user
        self.first_password = PASSWORDS.get(user, f"of-{user}")
        self.mechanism = mechanism
        self.certificate, self.key = folder / "client.pem", folder / "client.key"
        self.ca, self.password = folder / "ca.pem", folder / "password"

    def hold(self, authority: Authority) -> None:
        """A certificate that this authority signed."""
        certificate, key = authority.issue(self.user)
        put(self.certificate, certificate)
        put(self.key, key)

    def trust(self, *authorities: Authority) -> None:
        """Brokers of whom these signed the certificates."""
        put(self.ca, *(authority.ca for authority in authorities))

    def say(self, password: str) -> None:
        """A password."""
        replacement = self.password.with_suffix(".new")
        replacement.write_text(password + "\n", encoding="utf-8")
        os.replace(replacement, self.password)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of whoever uses them."""
        return {
            "FDT_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "FDT_KAFKA_CA_FILE": str(self.ca),
            "FDT_KAFKA_CERTIFICATE_FILE": str(self.certificate),
            "FDT_KAFKA_KEY_FILE": str(self.key),
            "FDT_KAFKA_SASL_MECHANISM": self.mechanism,
            "FDT_KAFKA_USER": self.user,
            "FDT_KAFKA_PASSWORD_FILE": str(self.password),
        }


class Rotated:
    """The brokers' side: two authorities, of which the second takes over from the first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.first = Authority.create(folder / "first")
        self.second = Authority.create(folder / "second")
        self.trusted, self.keystore = folder / "trusted.pem", folder / "keystore.pem"
        put(self.trusted, self.first.ca, self.second.ca)
        put(self.keystore, self.first.keystore("broker", LOCALHOST))

    def settings(self) -> dict[str, str]:
        """Of each broker."""
        return {
            **broker_settings(self.first, mutual=True),
            "ssl.keystore.location": str(self.keystore),
            "ssl.truststore.location": str(self.trusted),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:broker;User:ANONYMOUS",
            "connections.max.reauth.ms": str(REAUTHENTICATE_MS),
        }

    def files(self, user: str, mechanism: str = "SCRAM-SHA-512") -> Files:
        """What a user holds at first."""
        made = Files(self.folder / user, user, mechanism)
        made.hold(self.first)
        made.trust(self.first)
        made.say(made.first_password)
        return made

    def replace_password(self, bootstrap: str, files: Files) -> None:
        """The old one is of no use from the first moment on; the new one comes into its file.

        Whoever calls this is an operator."""
        set_password(bootstrap, files.user, f"another-of-{files.user}")
        files.say(f"another-of-{files.user}")

    def replace_certificate(self, files: Files) -> None:
        """One of the second authority, who is trusted as well from then on."""
        files.trust(self.first, self.second)
        files.hold(self.second)

    def forget_the_first(self, bootstrap: str, brokers: Iterable[int]) -> None:
        """The brokers get certificates of the second authority, and then trust nobody else; whoever
        calls this is an operator. Both at once would part them from each other: a broker that has
        not read the one yet when the other changes refuses both for good, and says so only in its
        log. So each step waits until every broker shows that it has taken it."""
        put(self.keystore, self.second.keystore("broker", LOCALHOST))
        _read_again(bootstrap, brokers, "ssl.keystore.location", self.keystore)
        mine = self.second.issue("operator")
        _until_all(bootstrap, lambda port: _lets_in(port, self.second.ca, mine))
        put(self.trusted, self.second.ca)
        _read_again(bootstrap, brokers, "ssl.truststore.location", self.trusted)
        former = self.first.issue("operator")
        _until_all(bootstrap, lambda port: not _lets_in(port, self.second.ca, former))


def _read_again(bootstrap: str, brokers: Iterable[int], setting: str, path: Path) -> None:
    """A broker reads a file again when its setting is set, to the same path too."""
    admin = kafka.admin_client(bootstrap)
    entry = ConfigEntry(
        f"listener.name.plaintext.{setting}",
        str(path),
        incremental_operation=AlterConfigOpType.SET,
    )
    for number in brokers:  # one a request, which goes to that broker
        wanted = ConfigResource(ResourceType.BROKER, str(number), incremental_configs=[entry])
        admin.incremental_alter_configs([wanted])[wanted].result(WITHIN_S)


def _until_all(bootstrap: str, so: Callable[[int], bool]) -> None:
    """It is so at the port of each broker."""
    for address in bootstrap.split(","):
        deadline = time.monotonic() + WITHIN_S
        while not so(int(address.rpartition(":")[2])):
            assert time.monotonic() < deadline, f"{address} did not take what its files hold"
            time.sleep(0.2)


def _lets_in(port: int, trusted: Path, own: tuple[Path, Path]) -> bool:
    """Whether the broker there has a certificate that ``trusted`` signed, and likes ``own``: of one
    that it does not like it tells after the handshake, and else nothing comes before a request."""
    context = ssl.create_default_context(cafile=trusted)
    context.load_cert_chain(*own)
    try:
        with (
            socket.create_connection((LOCALHOST, port), WITHIN_S) as connection,
            context.wrap_socket(connection, server_hostname=LOCALHOST) as encrypted,
        ):
            encrypted.settimeout(_ALERT_S)
            encrypted.recv(1)
    except ssl.SSLError:
        return False
    except TimeoutError:
        return True
    return False


def put(path: Path, *contents: Path) -> None:
    """One file after the other into a new one, which takes the place of ``path`` at once."""
    replacement = path.with_name(f"{path.name}.new")
    replacement.write_bytes(b"".join(each.read_bytes() for each in contents))
    os.replace(replacement, path)
