"""The pure rules: lifecycle, code catalogue, fold and views; processor and read side use them.

Nothing here reads a clock, a state file, a socket or a database: a row is a function of the records
about a device, and a view is a function of a row.
"""

from schemas.compiled import prefer

prefer(__name__, __path__)
