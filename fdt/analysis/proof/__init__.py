"""Events, status topic, store and view held against each other; run by ``fdt verify``."""
