"""One partition number: the fold of its batches, its rows, and the order of durability."""
