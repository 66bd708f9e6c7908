"""QueryError: a query fails, with the sentence that Athena gives as the reason of the state FAILED."""


class QueryError(Exception):
    """The text begins with Athena's code, e.g. `TABLE_NOT_FOUND: line 1:15: Table … does not exist`."""
