"""Spark jobs: from raw objects to hourly tables, each a pure function of its input and one commit per table."""
