"""Data checks: what a run made, looked at through the tables' metadata and the ledgers before anybody relies on it."""
