"""Writes topics and table into files; run by ``fdt export``."""
