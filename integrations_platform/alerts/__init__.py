"""Alerts to people by Slack and e-mail: one message for each change of state, from an outbox that loses none.

One module for Dagster, Airflow and the command line; it imports neither orchestrator.
"""
