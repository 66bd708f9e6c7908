"""The bottom layer: what an event is, which tables there are, where and under which names things lie.

Standard library only. Spark schemas, the API's models, the catalog's tables and the reference documentation are
made from these declarations, so a change of the contract is a change in one place.
"""
