"""What Airflow asks of the lake: what is stale, what may be published, and does the ledger balance.

Every answer is read from the ledger's tables and the raw bucket when it is asked; a Spark job hands no other state to a
DAG. The rules are in `contracts.stages` and `contracts.staleness`; `store` reads, `checks` verifies rows, `derived`
answers for event hours, days and whatever is computed from these, `hours` for landing hours, `reconcile` for all.
"""
