"""Airbyte without a server: connectors that speak its protocol run on this machine, and their rows land in the lake.

A connector is a program in an environment of its own (:mod:`.installing`); what it says is told apart by
:mod:`.protocol` and judged by :mod:`.reading`; :mod:`.running` lands what is complete and keeps where to go on. None of
Airbyte's libraries or connectors is imported here or shipped with the platform.
"""

from integrations_platform.airbyte.embedded.running import EmbeddedSync, datasets_of

__all__ = ["EmbeddedSync", "datasets_of"]
