"""The warehouse: loads of lake partitions by COPY INTO, in Snowflake or, without an account, in DuckDB files.

Knows no orchestrator. Vendor libraries are imported inside the functions that need them.
"""
