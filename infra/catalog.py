"""A database name → the Glue database of the tables.

The stack has the database only. The jobs create and change the tables from `contracts/tables/`, so no stack update can
reset the pointer to an Iceberg table's current metadata.
"""

from aws_cdk import Aws
from aws_cdk import aws_glue as glue
from constructs import Construct


class Catalog(Construct):
    """The Glue database; `location_uri` is where an engine puts a table that has no location of its own."""

    def __init__(self, scope: Construct, construct_id: str, *, database_name: str, location_uri: str) -> None:
        super().__init__(scope, construct_id)
        self.database_name = database_name
        glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=database_name,
                description="Clickstream events and what is counted from them; tables are made by the Spark jobs.",
                location_uri=location_uri,
            ),
        )
