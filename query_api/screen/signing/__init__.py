"""Renewal of sessions, and the sign-out by the identity provider."""
