"""What goes wrong on a Databricks workspace or with a job on it."""

from __future__ import annotations

from integrations_platform.service_faults import ServiceFault


class JobFault(ServiceFault):
    """A call or a run that did not come off."""
