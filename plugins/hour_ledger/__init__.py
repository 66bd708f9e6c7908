"""The ledger as Airflow reads it: what was made, from which version of its input, and so what is stale.

Everything is read level by level from the tables themselves; no state passes from a Spark job to a DAG but the ledger.
"""
