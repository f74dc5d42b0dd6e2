"""The HTTP API for programs: one router for each resource."""
