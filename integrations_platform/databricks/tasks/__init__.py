"""Task files: each runs by itself, on a Databricks cluster or on this machine, and imports nothing of this package.

They are put into the workspace one by one, so they may use only what their job declares as libraries: Polars, obstore
and dagster-pipes. They are never imported here.
"""
