"""Objects and where they are stored: one store for a bucket of S3 and for a directory that has the same layout.

The simulator writes raw objects with it, the jobs list and read them, an erasure rewrites and deletes them, and Airflow
compares what is listed with what the ledger knows.
"""
