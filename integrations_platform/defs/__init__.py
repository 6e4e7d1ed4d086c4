"""Dagster's view of the platform: assets, checks, jobs and schedules, and nothing else.

Every module here turns data from the catalogue into definitions and the engine's reports into events. None decides what
is synced or how; whatever needs a connection, Polars or SQLAlchemy is imported inside the function that runs.
"""
