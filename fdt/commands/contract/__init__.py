"""``fdt contract``: what publishers try their records with."""
