"""A local broker that lets nobody in without TLS and a password, and a certificate authority."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fdt.processes.children import LOCALHOST

PASSWORDS: Final = {"broker": "of-the-broker", "worker": "of-the-worker"}
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates for this machine; its own is ``ca.pem`` of ``folder``."""

    folder: Path
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """A new one."""
        folder.mkdir(parents=True)
        made = cls(folder, ec.generate_private_key(ec.SECP256R1()))
        _certificate(made.key, made.name, made, folder / "ca.pem", ca=True)
        return made

    @property
    def name(self) -> str:
        """Another one for each: of two with one name, OpenSSL takes the first for the issuer."""
        return f"authority {self.folder.name}"

    @property
    def ca(self) -> Path:
        """Its certificate."""
        return self.folder / "ca.pem"

    def issue(
        self, name: str, *addresses: str, file: str | None = None, expired: bool = False
    ) -> tuple[Path, Path]:
        """A certificate and its key, as files (called ``file`` or like ``name``); for a server at
        ``addresses``."""
        key = ec.generate_private_key(ec.SECP256R1())
        stem = file or name
        certificate, secret = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        _certificate(key, name, self, certificate, addresses=addresses, expired=expired)
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, secret

    def keystore(self, name: str, *addresses: str, expired: bool = False) -> Path:
        """The same in one file, as a broker takes it."""
        certificate, key = self.issue(name, *addresses, expired=expired)
        both = self.folder / f"{name}.both.pem"
        both.write_bytes(key.read_bytes() + certificate.read_bytes())
        return both


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    name: str,
    signer: Authority,
    path: Path,
    *,
    addresses: tuple[str, ...] = (),
    ca: bool = False,
    expired: bool = False,
) -> None:
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer.name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * _DAY)
        .not_valid_after(now - _DAY if expired else now + _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if addresses:
        names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = built.sign(signer.key, hashes.SHA256())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def broker_settings(authority: Authority, *, mutual: bool = False) -> dict[str, str]:
    """Of a local broker whose only listener for clients is TLS with a password.

    ``broker`` is its own user, by PLAIN; the others are given to it as SCRAM users. ``mutual`` asks
    for a certificate as well; where there is a password too, Kafka heeds only a listener's own
    setting of it.
    """
    own = PASSWORDS["broker"]
    return {
        "listener.security.protocol.map": "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.plaintext.plain.sasl.jaas.config": (
            f'{_PLAIN} required username="broker" password="{own}" user_broker="{own}";'
        ),
        "listener.name.plaintext.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.keystore("broker", LOCALHOST)),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.ca),
        "listener.name.plaintext.ssl.client.auth": "required" if mutual else "none",
    }


def variables(authority: Authority, user: str, mechanism: str) -> dict[str, str]:
    """What makes every client a ``user`` of such a broker."""
    secret = authority.folder / f"{user}.password"
    secret.write_text(PASSWORDS[user] + "\n", encoding="utf-8")
    return {
        "FDT_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "FDT_KAFKA_CA_FILE": str(authority.ca),
        "FDT_KAFKA_SASL_MECHANISM": mechanism,
        "FDT_KAFKA_USER": user,
        "FDT_KAFKA_PASSWORD_FILE": str(secret),
    }
