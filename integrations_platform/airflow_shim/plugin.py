# mypy: disable-error-code="import-not-found, misc"
"""What Airflow must know of the shim beforehand: the link from a task to its run."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowPlugin

from integrations_platform.airflow_shim.operator import DagsterRunLink


class IntegrationsPlugin(AirflowPlugin):
    """Found by its entry point."""

    name = "integrations_platform"
    operator_extra_links = (DagsterRunLink(),)
