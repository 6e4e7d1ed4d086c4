"""The two-way sync engine: plan, guard, write protocol, conflicts and audit.

It knows no vendor and no orchestrator: systems reach it through :mod:`.port`, memory through :mod:`.store`.
It imports the standard library and Polars only. Polars rather than DuckDB because the engine joins frames that are
already in memory: typed expressions without SQL text or a connection to manage, and the measured three-way comparison
of 1M x 1M keys peaked at 299 MB in Polars against 448 MB in DuckDB for about the same CPU time.
"""
