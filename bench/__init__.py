"""Measurements, quoted side by side from one run: ``make bench``."""
