"""Pages of the manual that are made from the code and held by tests."""
