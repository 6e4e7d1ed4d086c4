"""Jobs on Databricks: start, follow, cancel and repair runs, and run the same task file on this machine without one.

Built on databricks-sdk alone. dagster-databricks is gone around on purpose: importing it brings dagster-pyspark and
pyspark (3.8 s for every process that loads the location), its Pipes client knows `runs/submit` only, its polling ends
at the first lost connection, and none of its ways to run a job sends an idempotency token, so that a lost answer may
start a job twice. What is taken from it is the pinned databricks-sdk, and Pipes itself from Dagster's core.
"""
