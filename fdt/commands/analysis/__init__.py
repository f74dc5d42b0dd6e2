"""Commands for analysts: ``fdt as-at``, ``export``, ``replay`` and ``verify``; ``fdt.cli`` imports
them."""
