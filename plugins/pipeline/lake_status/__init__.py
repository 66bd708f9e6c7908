"""What Airflow asks of the lake: what is stale, what may be published, and does the ledger balance.

Every answer is read from the ledger's tables and the raw bucket when it is asked; a Spark job hands no other state to a
DAG. The rules are in `contracts.staleness` and `contracts.versions`; `store` reads, `checks` verifies rows, `hours` and
`days` answer for one kind of partition each, and `reconcile` for all of them.
"""
