"""The latest-status table made anew from the event topics; ``fdt rebuild`` and the tests use it."""
