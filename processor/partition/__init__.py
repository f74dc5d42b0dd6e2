"""One partition number: the fold of its batches, its rows, and their commit."""

from schemas.compiled import prefer

prefer(__name__, __path__)
