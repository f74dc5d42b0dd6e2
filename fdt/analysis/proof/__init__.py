"""Compares events, status topic, store and view; run by ``fdt verify``."""
