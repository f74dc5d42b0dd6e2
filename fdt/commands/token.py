"""``fdt token``: an access token of the development issuer, for the local read side.

Only the token goes to standard output, so that it can be put into a variable.
"""

from __future__ import annotations

from typing import Annotated

import typer

from fdt.errors import UserError
from fdt.settings import Settings
from query_api.identity.access import Role
from query_api.identity.access_tokens import Claims, development_token
from query_api.identity.keys import DevelopmentKey
from schemas.identifiers import Eui64, InvalidIdentifier

LONGEST_MINUTES = 24 * 60


def token(
    role: Annotated[list[Role], typer.Option(help="Role of the user; may be repeated.")],
    user_id: Annotated[
        list[str] | None,
        typer.Option(help="User ID (EUI-64) of the user's organisation; may be repeated."),
    ] = None,
    minutes: Annotated[
        int, typer.Option(min=1, max=LONGEST_MINUTES, help="For how long it is valid.")
    ] = 60,
    subject: Annotated[str, typer.Option(help="Name of the user.")] = "developer",
) -> None:
    """Print an access token (development only)."""
    settings = Settings()
    if settings.profile != "development":
        raise UserError(
            f"FDT_PROFILE is {settings.profile}: development tokens are not accepted there; "
            "sign in at the identity provider."
        )
    user_ids = _user_ids(user_id or [])
    if Role.SUPPLIER in role and not user_ids:
        raise UserError(
            "A supplier needs a User ID: add for example --user-id 90-B3-D5-1F-30-01-00-00."
        )
    typer.echo(
        development_token(
            DevelopmentKey(settings.data_dir),
            audience=settings.oidc_audience,
            claims=Claims(settings.oidc_user_ids_claim, settings.oidc_roles_claim),
            subject=subject,
            user_ids=user_ids,
            roles=role,
            valid_s=60 * minutes,
        )
    )


def _user_ids(texts: list[str]) -> list[Eui64]:
    try:
        return [Eui64.parse(text) for text in texts]
    except InvalidIdentifier as error:
        raise UserError(f"--user-id: {error}") from error
