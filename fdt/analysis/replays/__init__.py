"""Reads the events of a range and folds them again; run by ``fdt replay``."""
