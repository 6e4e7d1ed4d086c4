"""State databases as released versions of the schema left them, kept as SQL text with the tables they speak of."""
