"""What analysts take out of the topics: exports, proofs and replays, run by ``fdt.commands``."""
