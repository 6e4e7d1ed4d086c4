"""Stories of the console."""
