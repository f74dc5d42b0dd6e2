"""The SSI screen: one router for each task of the user."""
