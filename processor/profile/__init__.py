"""``fdt process --profile``: the time that an event takes in each stage of a running worker."""
