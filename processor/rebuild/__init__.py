"""Rebuilds the latest-status table from the event topics: ``fdt rebuild`` and ``fdt replay``."""
