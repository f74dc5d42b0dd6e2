"""``fdt process --profile``: what an event costs, by stage, while a worker does its work."""
