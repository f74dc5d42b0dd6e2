"""Topics and table put into files; run by ``fdt export``."""
