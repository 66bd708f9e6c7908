"""The whole pipeline, raw objects → received → clean → hourly tables: ours beside three that build the same tables.

`ours` runs the two jobs as they run every hour. `duckdb_script`, `polars_script` and `plain_pyspark` are what a good
engineer would write in an afternoon with that tool. `python -m benchmarks.pipeline` measures them, each in a process of
its own, and compares the tables that come out.

The peers do less. They keep no rejected line with a reason (the data has only late and early ones, which they drop
uncounted) and drop fields that the contract does not know. They check no sums and write no ledger, and no run can
replace another's hours safely. DuckDB and Polars write Parquet files, not a table.
"""
