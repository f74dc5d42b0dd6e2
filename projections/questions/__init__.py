"""What else may be asked of a row: how it was, and what another catalogue would change."""
