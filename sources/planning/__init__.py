"""What will happen: the plan of a campaign, its records, and how each item must end."""
