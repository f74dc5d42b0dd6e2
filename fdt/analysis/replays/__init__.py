"""Events of a range read and folded again; run by ``fdt replay``."""
