"""HTTP without our subject: problem details, bodies, encodings, middleware, metrics."""
