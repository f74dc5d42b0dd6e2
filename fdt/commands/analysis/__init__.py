"""Commands of analysts: ``fdt export`` and what stands beside it; ``fdt.cli`` loads them."""
