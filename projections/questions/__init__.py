"""Further queries of a row: its state at an instant, and the effect of another catalogue."""
