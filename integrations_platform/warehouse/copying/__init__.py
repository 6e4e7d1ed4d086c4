"""The COPY executor: carries out Snowflake's COPY INTO on DuckDB, from the statement's own text.

It refuses what it would do otherwise than Snowflake, and opens nothing by itself: connection, stores, clock and the
names of stages are given to it.
"""
