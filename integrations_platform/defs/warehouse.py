"""One asset per declared table of the warehouse, with the daily partitions of its dataset in the lake.

A materialisation is claimed only for days that were reconciled and committed; what did not agree is the result of the
check that says so, and the step fails. How a day is loaded is decided in :mod:`integrations_platform.warehouse`.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.lake import lake_key, partitions_of
from integrations_platform.defs.running import give_up
from integrations_platform.defs.syncs import accepted_owner
from integrations_platform.jobs import Catalogue
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings import Settings
from integrations_platform.warehouse.reload import CHECKS
from integrations_platform.warehouse.tables import Table, declared_tables

if TYPE_CHECKING:
    from integrations_platform.lake import Lake
    from integrations_platform.warehouse.port import Warehouse
    from integrations_platform.warehouse.reload import Reloaded

GROUP = "warehouse"


def table_assets(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """The assets of all declared tables. Raises SettingsError for one that cannot be used."""
    settings = catalogue.settings
    return [table_asset(settings, table) for table in declared_tables(settings).values()]


def table_key(table: str) -> dg.AssetKey:
    """The asset of a table."""
    return dg.AssetKey([GROUP, table])


def table_asset(settings: Settings, table: Table) -> dg.AssetsDefinition:
    """The asset of one table."""
    key = table_key(table.name)
    owner = accepted_owner(table.owner)

    with warnings.catch_warnings():
        # `backfill_policy` is marked beta; Dagster's release is pinned.
        warnings.simplefilter("ignore", dg.BetaWarning)

        @dg.asset(
            key=key,
            deps=[lake_key(table.dataset.name)],
            partitions_def=partitions_of(table.dataset),
            backfill_policy=_a_run_for_each_day(),
            automation_condition=dg.AutomationCondition.eager(),
            # Loads of one table one after another, as Snowflake asks; those of others beside it.
            pool=f"warehouse_{'_'.join(table.target.key).lower()}",
            check_specs=[
                dg.AssetCheckSpec(name, asset=key, description=text, blocking=True) for name, text in CHECKS.items()
            ],
            group_name=GROUP,
            kinds={_kind(settings), "sql"},
            owners=[owner] if owner else [],
            description=f"{table.description}\n\nlake/{table.dataset.name} → {table.target.sql}".strip(),
            metadata={
                "dagster/table_name": table.target.sql,
                "dagster/column_schema": dg.TableSchema(
                    [dg.TableColumn(name, type=kind) for name, kind in table.columns.items()]
                ),
                "dataset": table.dataset.name,
            },
        )
        def load(context: dg.AssetExecutionContext) -> Iterator[Any]:
            yield from _load(context, settings, table, key)

    return load


def _a_run_for_each_day() -> dg.BackfillPolicy:
    """Backfills: one that fails is one red day, and the others are not done again because of it."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=1)


def _kind(settings: Settings) -> str:
    """What the asset is drawn as; where that is not known before a variable is set, Snowflake."""
    try:
        return "duckdb" if settings.warehouse.engine() == "embedded" else "snowflake"
    except SettingsError:
        return "snowflake"


def _load(context: dg.AssetExecutionContext, settings: Settings, table: Table, key: dg.AssetKey) -> Iterator[Any]:
    from integrations_platform.lake import Lake, LakeError, Trouble
    from integrations_platform.warehouse.errors import WarehouseError
    from integrations_platform.warehouse.opening import open_warehouse
    from integrations_platform.warehouse.reload import Disagreement

    done: list[Reloaded] = []
    try:
        lake = Lake.open(settings.lake)
        warehouse = open_warehouse(settings, lake)
        done.extend(_load_day(context, settings, table, lake, warehouse, text) for text in context.partition_keys)
    except SettingsError as fault:
        give_up(str(fault))
    except Disagreement as fault:
        yield dg.AssetCheckResult(asset_key=key, check_name=fault.check, passed=False, description=fault.message)
        give_up(fault.message)
    except LakeError as fault:
        give_up(str(fault), context.retry_number if fault.trouble is Trouble.UNAVAILABLE else None)
    except WarehouseError as fault:
        give_up(fault.message, context.retry_number if fault.transient else None, _failure(fault))
    version = dg.DataVersion(done[0].content) if len(done) == 1 else None
    yield dg.MaterializeResult(asset_key=key, metadata=_metadata(done), data_version=version)
    counts = {"files": sum(item.files for item in done), "rows": sum(item.rows_loaded for item in done)}
    for name in CHECKS:
        yield dg.AssetCheckResult(asset_key=key, check_name=name, passed=True, metadata=counts)


def _load_day(
    context: dg.AssetExecutionContext, settings: Settings, table: Table, lake: "Lake", warehouse: "Warehouse", text: str
) -> "Reloaded":
    from integrations_platform.telemetry.tallies import counted_load
    from integrations_platform.warehouse.reload import reload_day

    with counted_load(settings, table.name) as count:
        loaded = reload_day(table, lake, warehouse, table.day_of(text), context.run.run_id)
        count(loaded.rows_loaded)
    context.log.info(
        f"{table.target.sql}, {text}: {loaded.rows_loaded:,} rows of {loaded.files} files in place of "
        f"{loaded.rows_deleted:,} ({loaded.kind})"
    )
    return loaded


def _metadata(done: "Sequence[Reloaded]") -> dict[str, Any]:
    """Numbers under the same names every time, so that the UI plots them; the statement without its credentials."""
    rows, last = sum(item.rows_loaded for item in done), done[-1]
    missing = sorted({name for item in done for name in item.columns_missing})
    return {
        "dagster/partition_row_count": rows,
        "dagster/uri": last.location,
        "warehouse": last.kind,
        "files": sum(item.files for item in done),
        "bytes": sum(item.bytes for item in done),
        "rows_deleted": sum(item.rows_deleted for item in done),
        "query_id": last.query_id,
        "copy": dg.MetadataValue.md(f"```sql\n{last.statement}\n```" if last.statement else "no file to copy"),
    } | ({"columns_missing": ", ".join(missing)} if missing else {})


def _failure(fault: Exception) -> dict[str, Any]:
    from integrations_platform.warehouse.errors import CopyError

    if not isinstance(fault, CopyError):
        return {}
    first = next((item for item in fault.results if item.first_error), None)
    return {"first_error": first.first_error, "first_error_file": first.file} if first else {}
