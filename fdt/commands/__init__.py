"""One module a command, each with plain functions; :mod:`fdt.cli` loads one at a time."""
