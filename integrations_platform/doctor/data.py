"""Whether the lake, the warehouse, Databricks and MLflow can be used; what is not declared is not asked.

Asks, and changes nothing: no file and no table is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx

from integrations_platform.doctor.finding import Finding, Level, of_settings
from integrations_platform.settings import SettingsError

if TYPE_CHECKING:
    from integrations_platform.settings import Settings

_ANSWER_SECONDS = 10.0


def data_findings(settings: Settings) -> Iterator[Finding]:
    """The lake first, then what reads it."""
    for area, look in (("lake", _lake), ("warehouse", _warehouse), ("databricks", _databricks), ("models", _models)):
        try:
            yield from look(settings)
        except SettingsError as fault:
            yield from of_settings(area, settings.name, fault)


def _lake(settings: Settings) -> Iterator[Finding]:
    from integrations_platform.lake import Lake, LakeError

    if not settings.lake.datasets:
        return
    lake = Lake.open(settings.lake)
    try:
        days = {name: lake.days(name) for name in settings.lake.datasets}
    except LakeError as fault:
        yield Finding(Level.PROBLEM, "lake", settings.name, str(fault))
        return
    for name, known in days.items():
        said = f"{len(known):,} recorded, the newest {known[-1]}" if known else "no day is recorded yet"
        yield Finding(Level.OK, "lake", name, said)


def _warehouse(settings: Settings) -> Iterator[Finding]:
    from integrations_platform.lake import Lake
    from integrations_platform.warehouse.errors import WarehouseError
    from integrations_platform.warehouse.opening import open_warehouse
    from integrations_platform.warehouse.port import QueryTag

    if not settings.warehouse.tables:
        return
    if settings.warehouse.engine() == "embedded":
        what = f"no account is set; tables are DuckDB files in {settings.warehouse.place()}"
        yield Finding(Level.NOTE, "warehouse", "embedded", what, "set SNOWFLAKE_ACCOUNT to load into Snowflake")
        return
    try:
        with open_warehouse(settings, Lake.open(settings.lake)).open(QueryTag("doctor", "doctor")) as session:
            answer = session.execute("SELECT CURRENT_VERSION(), CURRENT_USER(), CURRENT_ROLE()")
    except WarehouseError as fault:
        yield Finding(Level.PROBLEM, "warehouse", "snowflake", fault.message)
        return
    version, user, role = answer.rows[0]
    yield Finding(Level.OK, "warehouse", "snowflake", f"Snowflake {version} answers {user} in the role {role}")


def _databricks(settings: Settings) -> Iterator[Finding]:
    from integrations_platform.databricks.faults import JobFault
    from integrations_platform.databricks.opening import open_workspace

    section = settings.databricks
    if not section.jobs:
        return
    if not section.host.resolve().strip():
        what = "no workspace is set; task files run on this machine"
        yield Finding(Level.NOTE, "databricks", "workspace", what, "set DATABRICKS_HOST and its token to use one")
        for job in section.jobs.values():
            if not job.task:
                yield Finding(Level.PROBLEM, "databricks", job.name, "runs in a workspace only", "set DATABRICKS_HOST")
        return
    try:
        workspace = open_workspace(section)
        who = workspace.who()
    except JobFault as fault:
        yield Finding(Level.PROBLEM, "databricks", "workspace", fault.message)
        return
    yield Finding(Level.OK, "databricks", "workspace", f"{workspace.host} answers {who}")


def _models(settings: Settings) -> Iterator[Finding]:
    if not settings.models.models:
        return
    url = settings.models.tracking.resolve().strip()
    if not url.startswith("http"):
        yield Finding(Level.NOTE, "models", "mlflow", "a file on this machine", "set MLFLOW_TRACKING_URI to a server")
        return
    try:
        status = httpx.get(f"{url.rstrip('/')}/health", timeout=_ANSWER_SECONDS).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        remedy = "is the server up, and models.tracking its address?"
        yield Finding(Level.PROBLEM, "models", "mlflow", f"does not answer ({type(fault).__name__})", remedy)
        return
    if status == httpx.codes.OK:
        yield Finding(Level.OK, "models", "mlflow", "answers")
    else:
        yield Finding(Level.PROBLEM, "models", "mlflow", f"answers HTTP {status}", "look at the server's own log")
