"""What keeps people signed in at every read side, and what ends it from outside."""
