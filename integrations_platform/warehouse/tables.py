"""Declared tables: which dataset fills them, with which columns, and the statement that loads one day.

Owns the columns that are added to those declared. A table is loaded straight from the files when they hold the day
themselves, because the lake's writer put it there, and by way of a staging table when they do not: Snowflake allows no
transformation in a load from a URL, so the day of other people's files can only be stamped afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from integrations_platform.secret_text import SecretText, SettingsError
from integrations_platform.settings import Settings
from integrations_platform.settings_lake import DatasetSettings
from integrations_platform.settings_warehouse import TableSettings
from integrations_platform.warehouse.authentication import (
    Authentication,
    AwsKeys,
    AwsRole,
    Integration,
    SasToken,
    Stage,
)
from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.file_format import CsvFormat, FileFormat, ParquetFormat, read_format
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.statement import CopyInto, MatchBy
from integrations_platform.yaml_source import Fault

RECORD, DAY, FILE, LOADED_AT = "record", "ds", "_src_file", "_loaded_at"
_TYPES = {"parquet": "PARQUET", "ndjson": "JSON", "csv": "CSV"}


@dataclass(frozen=True)
class Table:
    """A table that is loaded by day. ``declared``: its own columns; none means one VARIANT called ``record``."""

    name: str
    target: TableName
    dataset: DatasetSettings
    declared: Mapping[str, str]
    file_format: FileFormat
    authentication: Mapping[str, SecretText]
    description: str = ""
    owner: str | None = None

    @property
    def by_name(self) -> bool:
        """Whether columns are filled by the files' columns of the same name."""
        return bool(self.declared)

    @property
    def day_column(self) -> str:
        """The column that holds the day: the files' own, or one that is stamped."""
        return self.dataset.date_column or DAY

    @property
    def stamped(self) -> bool:
        """Whether the day is stamped on the way, by a staging table."""
        return not self.by_name or self.dataset.date_column is None

    @cached_property
    def loaded(self) -> Mapping[str, str]:
        """Columns that a COPY fills, of the table or of the staging table."""
        if not self.by_name:
            return {RECORD: "VARIANT"}
        own = {} if self.stamped else {self.day_column: "DATE"}
        return {**self.declared, **own, FILE: "VARCHAR", LOADED_AT: "TIMESTAMP_NTZ"}

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """All columns of the table, in order."""
        if not self.stamped:
            return self.loaded
        return {**self.loaded, self.day_column: "DATE", LOADED_AT: "TIMESTAMP_NTZ"}

    @property
    def staging(self) -> TableName:
        """Where rows wait for their day."""
        return self.target.beside("__load")

    def copy(self, location: str, files: tuple[str, ...], lake_url: str) -> CopyInto:
        """The statement that loads one partition. ``lake_url``: what a stage points to.

        History has no say in it: a partition is loaded as often as it is asked for, and replaced each time.
        """
        metadata = {FILE: "METADATA$FILENAME", LOADED_AT: "METADATA$START_SCAN_TIME"} if self.by_name else {}
        return CopyInto(
            self.staging if self.stamped else self.target,
            location,
            self.file_format,
            None if location.startswith("file:") else _authentication(self.authentication, lake_url),
            files=files,
            match=MatchBy.CASE_INSENSITIVE if self.by_name else MatchBy.NONE,
            metadata=metadata,
            on_error="ABORT_STATEMENT",
            force=True,
        )

    def day_of(self, text: str) -> date:
        """The day of a partition key. Raises StatementError for what is none, or lies outside the dataset's."""
        from integrations_platform.warehouse.names import day_of

        day = day_of(text)
        first, last = self.dataset.starts, self.dataset.ends
        if day < first or (last is not None and day > last):
            span = f"from {first}" + (f" to {last}" if last else " on")
            raise StatementError(f"dataset {self.dataset.name} has partitions {span}, not {day}")
        return day


def declared_tables(settings: Settings) -> Mapping[str, Table]:
    """The tables of an environment by name. Raises SettingsError naming the entry that cannot be used."""
    found, faults = {}, []
    for name, declared in settings.warehouse.tables.items():
        try:
            found[name] = _table(declared, settings.lake.datasets[declared.dataset])
        except StatementError as fault:
            faults.append(Fault(settings.warehouse.file, declared.line, f"warehouse.tables.{name}", fault.message))
    if faults:
        raise SettingsError(faults)
    return found


def _table(declared: TableSettings, dataset: DatasetSettings) -> Table:
    table = Table(
        declared.name,
        TableName.of(declared.table),
        dataset,
        dict(declared.columns),
        _file_format(declared, dataset),
        declared.authentication,
        declared.description or dataset.description,
        declared.owner or dataset.owner,
    )
    added = {name.upper() for name in (table.day_column, FILE, LOADED_AT)}
    taken = [name for name in declared.columns if name.upper() in added]
    if taken:
        raise StatementError(f"column {taken[0]} is added by itself; leave it out")
    if len({name.upper() for name in declared.columns}) < len(declared.columns):
        raise StatementError("two columns have the same name but for its case")
    return table


def _file_format(declared: TableSettings, dataset: DatasetSettings) -> FileFormat:
    options = {name.upper(): value for name, value in declared.file_format.items()}
    if "TYPE" in options:
        raise StatementError("the TYPE of the format is that of the dataset; leave it out")
    found = read_format({"TYPE": _TYPES[dataset.format], **options})
    if isinstance(found, ParquetFormat):
        # Without it Snowflake reads some dates and times as the numbers they are stored as.
        return ParquetFormat(use_logical_type=True, compression=found.compression)
    if isinstance(found, CsvFormat) and declared.columns:
        if not found.parse_header:
            raise StatementError("CSV fills columns by name only with file_format: {parse_header: true}")
        # Snowflake asks for it wherever metadata of the file is loaded along.
        return CsvFormat(**{**found.__dict__, "error_on_column_count_mismatch": False})
    if isinstance(found, CsvFormat):
        raise StatementError("CSV needs `columns`; one VARIANT holds records of JSON or Parquet")
    return found


def _authentication(said: Mapping[str, SecretText], lake_url: str) -> Authentication | None:
    if not said:
        return None
    if "aws_key_id" in said:
        token = said.get("aws_token")
        return AwsKeys(
            said["aws_key_id"].resolve, said["aws_secret_key"].resolve, token.resolve if token is not None else None
        )
    ((way, text),) = said.items()
    if way == "azure_sas_token":
        return SasToken(text.resolve)
    value = text.resolve()
    if way == "stage":
        return Stage(value, lake_url)
    return Integration(value) if way == "storage_integration" else AwsRole(value)
