"""The published contract: identifiers, topics, Avro records and the wire codec.

Everything a publisher or a reader of the topics needs, and nothing else: this package imports no
sibling, so an upstream system can build on it alone.
"""

from schemas.compiled import prefer

prefer(__name__, __path__)
