"""One module for each command, with plain functions; :mod:`fdt.cli` imports one at a time."""
