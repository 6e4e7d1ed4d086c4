"""All DAGs of the platform, out of the list of named jobs. Copy this file into Airflow's folder of DAGs."""

from airflow import DAG as DAG  # by these words Airflow finds files with DAGs

from integrations_platform.airflow_shim.rendering import dags

globals().update(dags())
