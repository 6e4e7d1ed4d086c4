"""The warehouse: statements, the COPY executor, both engines, reloads and their assets."""
