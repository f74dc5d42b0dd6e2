"""One partition number: the fold of its batches, its rows, and the order of durability."""

from schemas.compiled import prefer

prefer(__name__, __path__)
