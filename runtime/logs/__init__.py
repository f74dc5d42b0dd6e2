"""The log of every program: its settings, its lines, its fields."""
