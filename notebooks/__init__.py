"""Notebooks that analyse exports, and the command that writes docs/analysis.md with one of them."""
