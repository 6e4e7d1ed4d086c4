"""dlt, run by its own interpreter: the customers of one database into another, merged by key, new ones by time."""

import sys

import dlt
from dlt.sources.sql_database import sql_table

source, target = sys.argv[1:]
to_postgresql = target.startswith("postgresql:")
customers = sql_table(
    source.replace("postgresql:", "postgresql+psycopg2:", 1),
    table="customers",
    backend="connectorx",
    chunk_size=100_000,
    reflection_level="full_with_precision",
    incremental=dlt.sources.incremental("updated_at"),
)
customers.apply_hints(primary_key="id", write_disposition="merge")
destination = (
    dlt.destinations.postgres(target)
    if to_postgresql
    else dlt.destinations.sqlalchemy(target.replace("mysql:", "mysql+pymysql:", 1))
)
pipeline = dlt.pipeline("customers", destination=destination, dataset_name="public" if to_postgresql else "target")
pipeline.run(customers, loader_file_format="parquet").raise_on_failed_jobs()
