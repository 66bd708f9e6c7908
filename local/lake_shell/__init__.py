"""A DuckDB shell on the lake, the demo's or one on AWS: every table is a view that shows its newest commit.

DuckDB's own command line cannot do this: its views would stay at the commit that was the newest when they were created.
"""
