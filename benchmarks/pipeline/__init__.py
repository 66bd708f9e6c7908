"""The whole pipeline, raw objects → received → clean → hourly tables: ours beside three that make the same tables.

`ours` runs the two jobs as they run every hour. `duckdb_script`, `polars_script` and `plain_pyspark` are what a good
engineer would write in an afternoon with that tool. `python -m benchmarks.pipeline` measures them, each in a process of
its own, and compares the tables that come out.

The peers do less, and say so here: a line that is no event is not kept with a reason (the data has none but late and
early ones, which they drop uncounted); fields that the contract does not know are dropped; nothing balances, no ledger
is written, and no run can replace another's hours safely. DuckDB and Polars write Parquet files, not a table.
"""
