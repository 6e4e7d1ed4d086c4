"""A stand-in for one Databricks workspace: its jobs, their runs, and the files that tasks are started from."""

from integrations_platform.sandbox.databricks.app import Databricks

__all__ = ["Databricks"]
