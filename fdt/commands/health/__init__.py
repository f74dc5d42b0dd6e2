"""Commands about the health of an installation: ``fdt doctor``."""
