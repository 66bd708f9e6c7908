"""A database name → the Glue database of the tables.

The stack has the database only. The jobs create and change the tables from `contracts/tables/`, so no stack update can
reset the pointer to an Iceberg table's current metadata. Without these pointers the tables' files are of no use, so an
environment that keeps its data keeps its database.
"""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_glue as glue
from constructs import Construct


class Catalog(Construct):
    """The Glue database; `location_uri` is where an engine puts a table that has no location of its own."""

    def __init__(
        self, scope: Construct, construct_id: str, *, database_name: str, location_uri: str, keep_data: bool
    ) -> None:
        super().__init__(scope, construct_id)
        self.database_name = database_name
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=database_name,
                description="Clickstream events and what is counted from them; tables are made by the Spark jobs.",
                location_uri=location_uri,
            ),
        )
        if keep_data:
            database.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
