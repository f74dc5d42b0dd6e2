"""Checks the programs of this installation: whether worker and read side are ready, and their
version."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import httpx

from fdt.doctor.findings import Asked, Finding, failure, not_configured, ok, warning
from fdt.extras import DISTRIBUTION

ANSWER_S: Final = 5.0
_BUILD: Final = re.compile(r'^fdt_build_info\{[^}]*version="([^"]*)"', re.MULTILINE)


def worker(asked: Asked) -> Iterator[Finding]:
    """The worker of these settings."""
    settings = asked.settings
    if not settings.processor_port:
        yield not_configured("FDT_PROCESSOR_PORT is 0: where a worker answers is not known")
        return
    where = f"http://{_host(settings.processor_host)}:{settings.processor_port}"
    yield from _program("worker", where, "fdt process")


def read_side(asked: Asked) -> Iterator[Finding]:
    """The read side of these settings."""
    settings = asked.settings
    scheme = "http" if settings.api_certificate_file is None else "https"
    where = f"{scheme}://{_host(settings.api_host)}:{settings.api_port}"
    yield from _program("read side", where, "fdt serve", settings.api_certificate_file)


def _host(host: str) -> str:
    """The address at which to ask a program that listens on all interfaces."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{shown}]" if ":" in shown else shown


def _program(
    name: str, where: str, command: str, certificate: Path | None = None
) -> Iterator[Finding]:
    try:
        with httpx.Client(timeout=ANSWER_S, verify=_known(certificate)) as client:
            ready = client.get(f"{where}/readyz")
            metrics = client.get(f"{where}/metrics").text
    except httpx.HTTPError as error:
        yield warning(
            f"No {name} answers at {where}: {error}",
            f"Start it ('{command}'), or ask where it runs",
        )
        return
    if ready.status_code != httpx.codes.OK:
        yield failure(
            f"The {name} at {where} is not ready: {_why(ready)}", "Mend what it says; see its log"
        )
    else:
        yield ok(f"The {name} at {where} is ready")
    yield from _skew(name, where, metrics)


def _known(certificate: Path | None) -> ssl.SSLContext | bool:
    """Trusts exactly this certificate, whatever the host name; without one, as usual."""
    if certificate is None:
        return True
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


def _why(answer: httpx.Response) -> str:
    """The reason in an answer: a worker's troubles, or a problem's sentence."""
    try:
        told = answer.json()
    except json.JSONDecodeError:
        return f"{answer.status_code} {answer.text[:200]!r}"
    if not isinstance(told, dict):
        return str(answer.status_code)
    parts = [f"{part}: {why}" for part, why in (told.get("troubles") or {}).items()]
    return "; ".join(parts) or str(told.get("detail") or told.get("status"))


def _skew(name: str, where: str, metrics: str) -> Iterator[Finding]:
    found, ours = _BUILD.search(metrics), version(DISTRIBUTION)
    theirs = "an older version, which does not say" if found is None else found[1]
    if theirs != ours:
        yield warning(
            f"The {name} at {where} is {theirs}, and this is {ours}",
            "Bring both to one version; workers and read sides may differ while you upgrade",
        )
