"""A client library for accessing Firmware Distribution Tracking"""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
