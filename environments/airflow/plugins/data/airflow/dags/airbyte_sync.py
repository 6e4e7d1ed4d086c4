"""Optional, for DAGs of old: `from data.airflow.dags.airbyte_sync import trigger_airbyte_sync`.

Copy the folder `data` into Airflow's folder of plugins, which Python searches; a `data` of your own goes on beside it.
"""

from integrations_platform.airflow_shim.airbyte import trigger_airbyte_sync

__all__ = ["trigger_airbyte_sync"]
