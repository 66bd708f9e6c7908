"""Iceberg tables: declared schemas, replaced hour by hour, conflicts told from progress."""
