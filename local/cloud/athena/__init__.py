"""Athena: SQL over the Iceberg tables of the Glue catalog, run by DuckDB.

tables     a table that a query names → the SQL of its rows
dialect    Athena's SQL → DuckDB's, with each table as a scan of its Iceberg files
engine     one query, run; its values as Athena writes them
store      workgroups on disk
service    query executions, the table of operations, the HTTP handler

It runs queries only: a statement that creates or changes a table is refused. DuckDB answers them, so a function that
DuckDB has and Athena lacks passes here. What Athena would answer differently (for example a division of decimals) is
refused.

ministack's own Athena is not used. It reads every Parquet file below a table's location instead of the files of its
newest commit, gives the SQL to DuckDB untranslated, and writes values, pages and errors unlike Athena; nor does it know
an enforced workgroup, a limit of bytes, or a client's token. With all that put right, nothing of it would be left.
"""
