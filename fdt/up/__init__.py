"""The whole system on one machine: what ``fdt up`` starts, shows and checks."""
