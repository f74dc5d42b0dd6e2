"""One function an answer, with the caller's rights applied, and the forms of answers."""
