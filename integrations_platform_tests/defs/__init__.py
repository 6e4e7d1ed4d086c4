"""Tests of the Dagster face, on real instances and real SQLite files."""
