"""Stories about the engine, one promise each, told with simulated systems and a memory in dictionaries."""
