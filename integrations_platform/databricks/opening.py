"""Opens the workspace of an environment: the one place where settings become a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations_platform.databricks.authentication import AccessToken, Authentication, ServicePrincipal

if TYPE_CHECKING:
    from integrations_platform.databricks.workspace import Workspace
    from integrations_platform.settings_databricks import DatabricksSettings


def open_workspace(section: DatabricksSettings) -> Workspace:
    """The workspace, asked as its service principal where one is given, else by its token. Raises SettingsError,
    JobFault for a host that no token may travel to."""
    from integrations_platform.databricks.workspace import Workspace

    if not (url := section.host.resolve().strip()):
        what = "is empty, and only task files run without a workspace"
        raise section.host.error(what, "set DATABRICKS_HOST and its token")
    return Workspace(url, _who(section, url))


def _who(section: DatabricksSettings, url: str) -> Authentication:
    if client_id := section.client_id.resolve().strip():
        return ServicePrincipal(url, client_id, section.client_secret.resolve().strip())
    if not (token := section.token.resolve().strip()):
        raise section.token.error("is empty", "set DATABRICKS_TOKEN, or client_id and client_secret")
    return AccessToken(token)
