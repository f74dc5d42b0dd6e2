"""Measurements of speed, size and growth: ``make bench``, and commands of their own."""
