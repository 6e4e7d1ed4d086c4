"""Tests of metrics, lines of the log, and traces."""
