"""A DuckDB shell on the lake, the demo's or one on AWS: every table is a view that shows its newest commit.

lake         which lake: the one that the environment names, or the demo's
tables       the Glue catalog → views, renewed when a table has a new commit
statements   text → statements, and those that are Athena's SQL
session      a statement → its rows
output       rows → box, CSV or JSON
prompt       a person at a terminal

DuckDB's own command line can't do it: its views would stay at the commits of the moment at which they were made.
"""
