"""Names of a system in containers, reached on this machine, whatever its resolver makes of them."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from fdt.processes.children import LOCALHOST


class Loopback(httpx.HTTPTransport):
    """Every host is this machine; its certificate must be of the name, and signed by ``ca``."""

    def __init__(self, ca: Path) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=ca))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """As to the host that is named."""
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=LOCALHOST)
        return super().handle_request(request)
