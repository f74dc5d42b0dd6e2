"""Commands about the contract: ``fdt contract`` and ``fdt registry``."""
