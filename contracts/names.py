"""Names per environment: of the stack, its stream, buckets, database, and where tables and raw objects lie."""

import re
from dataclasses import dataclass
from typing import Final

from contracts.event_settings import DEFAULTS, EventSettings

#: The Iceberg catalog's name in Spark: `glue.<database>.<table>`, locally and on AWS.
CATALOG: Final = "glue"
#: The stage under which the API is deployed, and by which CloudWatch counts its requests.
API_STAGE: Final = "v1"

_ENVIRONMENT: Final = re.compile(r"[a-z][a-z0-9]{0,11}")


@dataclass(frozen=True, kw_only=True)
class EnvironmentNames:
    """What things are called in one environment, e.g. `local`, `dev`, `prod` (1–12 lower-case letters or digits)."""

    environment: str

    def __post_init__(self) -> None:
        if not _ENVIRONMENT.fullmatch(self.environment):
            raise ValueError(
                f"environment {self.environment!r} is not 1–12 lower-case letters or digits beginning with a letter"
            )

    @property
    def stack(self) -> str:
        return f"clickstream-{self.environment}"

    @property
    def event_stream(self) -> str:
        return f"clickstream-{self.environment}-events"

    @property
    def delivery_stream(self) -> str:
        return f"clickstream-{self.environment}-raw"

    @property
    def api(self) -> str:
        return f"clickstream-{self.environment}"

    @property
    def database(self) -> str:
        return f"clickstream_{self.environment}"

    @property
    def workgroup(self) -> str:
        return f"clickstream-{self.environment}"

    @property
    def spark_application(self) -> str:
        return f"clickstream-{self.environment}"

    def raw_bucket(self, account: str, region: str) -> str:
        """Name of the bucket of raw objects; bucket names are global, so it carries account and region."""
        return f"clickstream-{self.environment}-raw-{account}-{region}"

    def warehouse_bucket(self, account: str, region: str) -> str:
        """Name of the bucket of the Iceberg tables' files."""
        return f"clickstream-{self.environment}-warehouse-{account}-{region}"

    def code_bucket(self, account: str, region: str) -> str:
        """Name of the bucket of the jobs' code and of their logs."""
        return f"clickstream-{self.environment}-code-{account}-{region}"

    def template_bucket(self, account: str, region: str) -> str:
        """Name of the bucket from which CloudFormation reads a template that no request can carry."""
        return f"clickstream-{self.environment}-templates-{account}-{region}"


@dataclass(frozen=True, kw_only=True)
class LakeLocation:
    """Where one environment's data lies, as jobs are told it: two URIs (s3:// or file:/) and a database name.

    And what the environment says of its events: jobs and DAGs must agree on it, to agree on what is stale.
    """

    raw_uri: str
    warehouse_uri: str
    database: str
    events: EventSettings = DEFAULTS

    def table(self, name: str) -> str:
        """Return the full name that Spark SQL knows a table by."""
        return f"{CATALOG}.{self.database}.{name}"
