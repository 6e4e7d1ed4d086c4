"""Airbyte connectors without a server: real processes, most of them small programs that say what a story needs."""
