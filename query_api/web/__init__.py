"""HTTP without domain knowledge: problem details, request bodies, encodings, TLS."""
