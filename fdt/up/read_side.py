"""The address of this machine's read side, and a client that may see everything there."""

from __future__ import annotations

from typing import Final

import httpx

from fdt.settings import Settings
from firmware_tracking_client import AuthenticatedClient
from query_api.identity.access import Role
from query_api.identity.access_tokens import Claims, development_token
from query_api.identity.keys import DevelopmentKey

_TOKEN_SECONDS: Final = 24 * 3600


def read_side_url(settings: Settings) -> str:
    """Where the read side answers."""
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    return f"http://{host}:{settings.api_port}"


def read_side_client(settings: Settings) -> AuthenticatedClient:
    """A client that sees everything, as the Service Centre does."""
    token = development_token(
        DevelopmentKey(settings.data_dir),
        audience=settings.oidc_audience,
        claims=Claims(settings.oidc_user_ids_claim, settings.oidc_roles_claim),
        subject="settled-check",
        user_ids=[],
        roles=[Role.SERVICE_CENTRE],
        valid_s=_TOKEN_SECONDS,
    )
    return AuthenticatedClient(
        base_url=read_side_url(settings),
        token=token,
        timeout=httpx.Timeout(30.0),
        raise_on_unexpected_status=True,
    )
