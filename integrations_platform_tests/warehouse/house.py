"""An environment with a lake in a folder and tables in an embedded warehouse, as its file declares them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from integrations_platform.lake import Lake, Manifest
from integrations_platform.settings import Settings, load_settings
from integrations_platform.warehouse.embedded import EmbeddedWarehouse
from integrations_platform.warehouse.opening import open_embedded
from integrations_platform.warehouse.reload import Reloaded, reload_day
from integrations_platform.warehouse.tables import Table, declared_tables

DAY, NEXT = date(2025, 10, 30), date(2025, 10, 31)
NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)

ENVIRONMENT = """\
systems: {{}}
state: {{url: "sqlite:///{root}/state.sqlite"}}
lake:
  url: "{lake}"
  options: {{access_key_id: k, secret_access_key: s, account_key: "{account_key}", endpoint: "{endpoint}"}}
  datasets:
    sales:
      {{format: parquet, source: {{sync: s, publish: state}}, starts: 2025-10-01, ends: 2025-11-30, date_column: ds}}
    notes:  {{format: ndjson, source: {{sync: notes, publish: changes}}, starts: 2025-10-01, may_be_empty: true}}
    events: {{format: ndjson, source: files, starts: 2025-10-01}}
    orders: {{format: csv, source: files, starts: 2025-10-01}}
warehouse:
  kind: embedded
  folder: "{root}/warehouse"
  tables:
    sales:
      dataset: sales
      table: analytics.public.sales
      columns: {{id: INTEGER, amount: "NUMBER(12, 2)", sold: VARCHAR}}
    notes:      {{dataset: notes, table: analytics.public.notes, columns: {{id: INTEGER, text: VARCHAR}}}}
    raw_events: {{dataset: events, table: mydb.public.events}}
    orders:
      dataset: orders
      table: analytics.public.orders
      columns: {{id: INTEGER, city: VARCHAR}}
      file_format: {{parse_header: true}}
"""


@dataclass
class House:
    """``root``: the folder of one test; the lake is in it unless it is given."""

    root: Path
    lake_url: str = ""
    endpoint: str = ""
    account_key: str = ""

    @cached_property
    def env_file(self) -> Path:
        path = self.root / "house.yaml"
        lake = self.lake_url or f"file://{self.root}/lake"
        text = ENVIRONMENT.format(root=self.root, lake=lake, endpoint=self.endpoint, account_key=self.account_key)
        path.write_text(text, encoding="utf-8")
        return path

    @cached_property
    def settings(self) -> Settings:
        return load_settings(env_file=self.env_file, environ={})

    @cached_property
    def lake(self) -> Lake:
        return Lake.open(self.settings.lake)

    @cached_property
    def warehouse(self) -> EmbeddedWarehouse:
        return open_embedded(self.settings, self.lake)

    @property
    def tables(self) -> Mapping[str, Table]:
        return declared_tables(self.settings)

    def sell(self, day: date = DAY, amounts: Iterable[float] = (1.5, 2.5)) -> Manifest:
        """Write a day of sales."""
        rows = [{"id": number, "amount": amount, "sold": f"{day}T08:00"} for number, amount in enumerate(amounts)]
        schema = {"id": pl.Int64, "amount": pl.Float64, "sold": pl.String}
        return self.lake.write_partition("sales", day, pl.DataFrame(rows, schema=schema), "run")

    def event_file(self, name: str, documents: Iterable[Any], day: date = DAY) -> Path:
        return self.put("events", name, "".join(f"{json.dumps(item)}\n" for item in documents).encode(), day)

    def put(self, dataset: str, name: str, data: bytes, day: date = DAY) -> Path:
        """A file of somebody else's."""
        path = self.root / "lake" / dataset / f"date={day}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def load(self, table: str, day: date = DAY, lake: Lake | None = None) -> Reloaded:
        return reload_day(self.tables[table], lake or self.lake, self.warehouse, day, "run-1", lambda: NOW)

    def rows(self, query: str) -> tuple[tuple[Any, ...], ...]:
        return self.warehouse.query(query).rows

    def totals(self) -> tuple[tuple[Any, ...], ...]:
        """By day: rows and the sum of amounts of the sales table."""
        return self.rows(
            "SELECT ds::varchar, count(*), sum(amount)::float FROM analytics.public.sales GROUP BY 1 ORDER BY 1"
        )
