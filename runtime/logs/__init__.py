"""The log of every program: what is in force of it, its lines, its fields."""
