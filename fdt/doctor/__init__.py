"""Checks of ``fdt doctor``: whether what a program needs is there and fits, one module a
subject."""
