"""Exports, proofs and replays of the topics, run by ``fdt.commands``."""
