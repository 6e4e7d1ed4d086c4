"""pandas, run by its own interpreter: the customers of one database into another, as a short script does it."""

import sys

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

source, target = (sa.create_engine(url.replace("postgresql:", "postgresql+psycopg2:", 1)) for url in sys.argv[1:])
customers = pd.read_sql("SELECT * FROM customers", source)
customers.to_sql("customers", target, index=False, if_exists="replace", chunksize=10_000, dtype={"attrs": JSONB})
