"""Athena: SQL over the Iceberg tables of the Glue catalog, run by DuckDB.

errors, result_set       a query that fails; what a query answers, as Athena writes it
iceberg, dialect         a Glue table's metadata; Athena's SQL → DuckDB's, with each table as its Iceberg files
scans                    a table that a query names → the SQL of its rows
engine                   one query, run
workgroups, executions   what is kept on disk
service                  the table of operations and the HTTP handler

Queries only: what makes or changes a table is refused. DuckDB answers them, so a function that it has and Athena lacks
passes here; what Athena would answer differently (dividing decimals, for one) is refused.
"""
