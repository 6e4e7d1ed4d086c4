"""Tests of the connectors: one contract for all, and what only one system can get wrong."""
