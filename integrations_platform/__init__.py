"""A company's integrations control plane as one Dagster code location."""

__version__ = "0.1.0"
