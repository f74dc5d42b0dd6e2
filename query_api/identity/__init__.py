"""Callers and their rights: tokens, keys, sign-in, sessions, rate limits."""
