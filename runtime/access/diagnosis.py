"""Finds why a broker cannot be reached, in one sentence that names the setting to mend.

The Kafka client's own error names no setting of ours and is the same for many causes. So the
connection is tried once more, step by step: the token, the address, TLS and certificates, the user.
:func:`runtime.kafka.complaint` calls it.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Final

from runtime.access.kafka_security import KafkaSecurity
from runtime.access.own_certificate import EXPIRED, out_of_date

CONNECT_S: Final = 3.0
_ALERT_S: Final = 1.0
"""How long a broker that refuses our certificate may take to say so: TLS 1.3 does it after the
handshake."""
_NAME: Final = (62, 64)
"""OpenSSL's codes of a certificate for another name, or another address."""
_PROTOCOL: Final = "FDT_KAFKA_SECURITY_PROTOCOL"
_METADATA: Final = struct.pack(">ihhih3siB", 18, 3, 4, 0, 3, b"fdt", 0, 0)
"""A request for no topic's metadata (version 4), which every broker of today answers."""
_FAILED: Final = re.compile(r"(?:sasl_)?(?:ssl|plaintext)://([^/]+):(\d+)/")
"""The broker's address in the client's error."""


def explained(bootstrap: str, told: str, access: KafkaSecurity) -> str:
    """What to mend after a failed connection. ``told`` is the client's own error, or empty; it is
    the answer where no setting explains the failure."""
    why = _token(access) or _user(told, access)
    if why is None:
        for host, port in _places(bootstrap, told):
            if (why := _tried(host, port, access)) is not None:
                break
    return _short(told) if why is None else why


def _token(access: KafkaSecurity) -> str | None:
    if not access.has_tokens:
        return None
    from runtime.access.tokens import NoToken, fetched

    try:
        fetched(access)
    except NoToken as error:
        return str(error)
    return None


def _user(told: str, access: KafkaSecurity) -> str | None:
    """What the client's error says about the user."""
    if not access.has_sasl or "SASL" not in told:
        return None
    if "UNSUPPORTED_SASL_MECHANISM" in told or "nsupported SASL mechanism" in told:
        return (
            f"The broker does not take FDT_KAFKA_SASL_MECHANISM {access.kafka_sasl_mechanism}: "
            "use one that it has"
        )
    if access.has_tokens and re.search("invalid_token|authentication error", told):
        return (
            f"The broker does not take the token of FDT_KAFKA_USER {access.kafka_user}: check that "
            "issuer, audience and scope (FDT_KAFKA_TOKEN_SCOPE) are what it expects"
        )
    if re.search("[Aa]uthentication (error|failed)", told):
        return (
            f"The broker does not know FDT_KAFKA_USER {access.kafka_user}, or the password in "
            "FDT_KAFKA_PASSWORD_FILE is another one"
        )
    if "Request not valid in current SASL state" in told:
        return f"The broker asks for no user: set {_PROTOCOL} to SSL or PLAINTEXT"
    return None


def _places(bootstrap: str, told: str) -> Iterator[tuple[str, int]]:
    """The broker that failed, or else all that are named."""
    if (found := _FAILED.search(told)) is not None:
        yield found[1], int(found[2])
        return
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if host and port.isdigit():
            yield host.strip("[]"), int(port)


def _tried(host: str, port: int, access: KafkaSecurity) -> str | None:
    """What is wrong with the address or with TLS, before the broker asks for a user."""
    where = f"{host}:{port}"
    try:
        context = access.tls_context()
        if context is None and _speaks_tls(host, port):
            return f"{where} speaks TLS: set {_PROTOCOL} to SSL or SASL_SSL"
        with socket.create_connection((host, port), CONNECT_S) as connection:
            if context is None:
                return _answered(connection, where, access)
            return _tls(connection, host, where, context, access)
    except socket.gaierror as error:
        return f"There is no host {host} ({error.strerror}): check KAFKA_BOOTSTRAP_SERVERS"
    except OSError as error:
        return f"Nobody answers at {where} ({error}): check KAFKA_BOOTSTRAP_SERVERS"


def _speaks_tls(host: str, port: int) -> bool:
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, port), CONNECT_S) as connection:
        try:
            with anybody.wrap_socket(connection):
                return True
        except OSError:
            return False


def _tls(
    connection: socket.socket,
    host: str,
    where: str,
    context: ssl.SSLContext,
    access: KafkaSecurity,
) -> str | None:
    try:
        with context.wrap_socket(connection, server_hostname=host) as encrypted:
            return _answered(encrypted, where, access)
    except ssl.SSLCertVerificationError as error:
        return _not_believed(error, where)
    except ssl.SSLError as error:
        return _alert(error, where, access)
    except OSError:
        return f"{where} does not speak TLS: set {_PROTOCOL} to PLAINTEXT or SASL_PLAINTEXT"


def _answered(connection: socket.socket, where: str, access: KafkaSecurity) -> str | None:
    """Whether a broker answers a client without a user: one that wants a user hangs up."""
    connection.settimeout(_ALERT_S)
    try:
        if not access.has_sasl:
            connection.sendall(_METADATA)
        if not connection.recv(1) and not access.has_sasl:
            return f"{where} wants a user: set {_PROTOCOL} to SASL_SSL or SASL_PLAINTEXT"
    except TimeoutError:
        pass  # with a user nothing was asked, and only an alert of TLS could have come
    return None


def _not_believed(error: ssl.SSLCertVerificationError, where: str) -> str:
    if error.verify_code in _NAME:
        return (
            f"The certificate of {where} is for another name: name the broker in "
            "KAFKA_BOOTSTRAP_SERVERS, and in its advertised.listeners, as its certificate does"
        )
    if error.verify_code == EXPIRED:
        return f"The certificate of {where} has expired: its operator has to replace it"
    return (
        f"The certificate of {where} is signed by nobody in FDT_KAFKA_CA_FILE: name who signed it"
    )


def _alert(error: ssl.SSLError, where: str, access: KafkaSecurity) -> str:
    """Why the TLS handshake failed: our certificate, or a broker without TLS."""
    reason = error.reason or str(error)
    ours = f"FDT_KAFKA_CERTIFICATE_FILE {access.kafka_certificate_file}"
    if (why := _out_of_date(access)) is not None:
        return f"{ours} {why}: put another certificate and its key there"
    if "CERTIFICATE_REQUIRED" in reason or (
        "ALERT" in reason and access.kafka_certificate_file is None
    ):
        return f"{where} asks for a certificate: set FDT_KAFKA_CERTIFICATE_FILE and its key"
    if re.search("BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNKNOWN_CA", reason):
        return f"{ours} is signed by nobody whom {where} trusts: have its authority sign it"
    if re.search("WRONG_VERSION_NUMBER|RECORD_LAYER|UNEXPECTED_EOF", reason):
        return f"{where} does not speak TLS: set {_PROTOCOL} to PLAINTEXT or SASL_PLAINTEXT"
    return f"TLS with {where} failed ({reason})"


def _out_of_date(access: KafkaSecurity) -> str | None:
    if access.kafka_certificate_file is None or access.kafka_key_file is None:
        return None
    return out_of_date(access.kafka_certificate_file, access.kafka_key_file)


def _short(told: str) -> str:
    """The client's error without its internal details."""
    return re.sub(r"\s*\(after \d+ms in state .*\)|:\s*ssl/[^:]*:\d+", "", told).strip()
