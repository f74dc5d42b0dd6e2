"""Notebooks of analysts over exports, and the command that makes docs/analysis.md with one."""
