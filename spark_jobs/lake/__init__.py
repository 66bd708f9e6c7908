"""The lake that jobs read and write: its session, its Iceberg tables, its ledgers, and the one way to replace hours."""
