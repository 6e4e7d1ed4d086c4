# mypy: disable-error-code="import-not-found, misc"
"""Where Dagster is, as an Airflow connection says it.

    AIRFLOW_CONN_DAGSTER_DEFAULT='{"conn_type": "dagster", "host": "https://dagster.example.com", "password": "<token>",
                                   "extra": {"path_prefix": "dagster", "headers": {}, "verify": true}}'

The password goes out as a bearer token; open-source Dagster asks for none, what stands before it may.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook

from integrations_platform.airflow_shim.client import Place

DEFAULT = "dagster_default"
_EXTRA = {"path_prefix", "headers", "verify"}


def place_of(conn_id: str) -> Place:
    """What the connection says. Raises AirflowFailException for one that says too little or something unknown, and
    Airflow's own exception when there is none."""
    connection = BaseHook.get_connection(conn_id)
    extra = connection.extra_dejson
    if unknown := sorted(set(extra) - _EXTRA):
        known = ", ".join(sorted(_EXTRA))
        raise AirflowFailException(f"connection {conn_id}: unknown in extra: {', '.join(unknown)}; known: {known}")
    host = (connection.host or "").rstrip("/")
    if not host:
        raise AirflowFailException(f"connection {conn_id} names no host; write https://dagster.example.com")
    url = host if "://" in host else f"{connection.schema or 'http'}://{host}"
    if connection.port:
        url = f"{url}:{connection.port}"
    prefix = str(extra.get("path_prefix") or "").strip("/")
    headers = {str(name): str(value) for name, value in dict(extra.get("headers") or {}).items()}
    if connection.password:
        headers = {"Authorization": f"Bearer {connection.password}", **headers}
    verify = extra.get("verify", True)
    return Place(f"{url}/{prefix}" if prefix else url, headers, verify not in (False, "false", "False", "0"))
