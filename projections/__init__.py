"""The pure rules: lifecycle, code catalogue, fold and views.

Nothing here reads a clock, a file of state, a socket or a database: a row is a function of the
records about a device, and a view is a function of a row.
"""

from schemas.compiled import prefer

prefer(__name__, __path__)
