"""Starts, supervises and ends the child processes of commands."""
