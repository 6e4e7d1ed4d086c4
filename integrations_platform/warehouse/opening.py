"""Opens the warehouse of an environment: the one place where settings become an engine.

Nothing is reached here; Snowflake is connected to, and DuckDB files are opened, when a session is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from integrations_platform.settings import Settings
from integrations_platform.warehouse.connection import connection_settings, connector_arguments, secrets_in
from integrations_platform.warehouse.embedded import EmbeddedWarehouse
from integrations_platform.warehouse.errors import CopyError
from integrations_platform.warehouse.snowflake import SnowflakeWarehouse
from integrations_platform.warehouse.tables import declared_tables

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from integrations_platform.lake import Lake


def open_warehouse(settings: Settings, lake: Lake) -> EmbeddedWarehouse | SnowflakeWarehouse:
    """The engine that the settings choose. ``lake``: its stages and stores are those of the embedded warehouse.

    Raises SettingsError.
    """
    if settings.warehouse.engine() == "snowflake":

        def arguments() -> tuple[Mapping[str, Any], Sequence[str]]:
            found = connection_settings(settings.warehouse)
            return connector_arguments(found), secrets_in(found)

        return SnowflakeWarehouse(arguments)
    return open_embedded(settings, lake)


def open_embedded(settings: Settings, lake: Lake) -> EmbeddedWarehouse:
    """The DuckDB files of an environment, with a database for each that a table names. Raises SettingsError."""
    tables = declared_tables(settings).values()
    staged = [table.authentication["stage"].resolve() for table in tables if "stage" in table.authentication]
    return EmbeddedWarehouse(
        settings.warehouse.place(),
        lambda root: open_root(lake, root),
        frozenset(table.target.parts[0] for table in tables),
        {name.upper(): lake.address.location("") for name in staged},
    )


def open_root(lake: Lake, root: str) -> ObjectStore:
    """A store at the root of a URL in a statement, opened with the options of the lake. Raises CopyError."""
    from integrations_platform.lake.address import parse
    from integrations_platform.lake.errors import LakeError
    from integrations_platform.lake.stores import open_store

    try:
        return open_store(parse(root), {name: text.resolve() for name, text in lake.settings.options.items()})
    except LakeError as fault:
        raise CopyError(str(fault), errno=91001) from None
