"""The actors and what they work on → every right that one has over the other; nothing else in the stack grants any.

Six actors: the API, Firehose, Spark's jobs, Airflow, the live minutes, and people who ask the tables. Each list below
is what the actor's code calls, and nothing more: tests/infra/test_rights.py holds the lists against the calls that the
jobs, the DAGs and the live minutes make, and tries what they must not be able to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_emrserverless as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3

from contracts.live_document import LIVE_PREFIX
from contracts.metrics import NAMESPACE
from contracts.partitions import ERROR_PREFIX, QUERY_RESULT_PREFIX, RAW_PREFIX, REPORT_PREFIX, WAREHOUSE_PREFIX
from contracts.tables import ERASED_USERS, REJECTED_EVENTS, SCALING_DECISIONS

_READ_CATALOG: Final = ("glue:GetDatabase", "glue:GetTable", "glue:GetTables")
_WRITE_TABLE: Final = ("glue:CreateTable", "glue:UpdateTable")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What actors work on."""

    stream: kinesis.IStream
    raw: s3.IBucket
    warehouse: s3.IBucket
    code: s3.IBucket
    log_prefix: str
    database: str
    workgroup: str
    application: emr.CfnApplication
    spark_role: iam.IRole
    live_role: iam.IRole
    topic_arn: str
    key_arn: str | None = None
    #: Whether Airflow's machine also runs the live minutes, which take their role with its own.
    airflow_takes_live_role: bool = False

    def tables(self, *names: str) -> list[str]:
        """Return the ARNs by which Glue knows tables: their own, their database's, and the catalog's."""
        glue = f"arn:{Aws.PARTITION}:glue:{Aws.REGION}:{Aws.ACCOUNT_ID}"
        return [f"{glue}:catalog", f"{glue}:database/{self.database}", *self.table_arns(*names)]

    def table_arns(self, *names: str) -> list[str]:
        """Return the ARNs of tables alone."""
        return [
            f"arn:{Aws.PARTITION}:glue:{Aws.REGION}:{Aws.ACCOUNT_ID}:table/{self.database}/{name}" for name in names
        ]

    def files(self, table: str) -> str:
        """Return the ARN of a table's files; the database's location is the warehouse's prefix."""
        return self.warehouse.arn_for_objects(f"{WAREHOUSE_PREFIX}{table}/*")


def api_rights(on: Resources) -> Iterator[iam.PolicyStatement]:
    """Put records."""
    yield _may(["kinesis:PutRecord", "kinesis:PutRecords"], [on.stream.stream_arn])


def delivery_rights(on: Resources, log_group_arn: str) -> Iterator[iam.PolicyStatement]:
    """Read records, write raw objects and what could not be delivered, and its own error log."""
    yield _may(
        ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
        [on.stream.stream_arn],
    )
    yield _may(["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], [on.raw.bucket_arn])
    yield _may(
        ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
        [on.raw.arn_for_objects(f"{prefix}*") for prefix in (RAW_PREFIX, ERROR_PREFIX)],
    )
    yield _may(["logs:PutLogEvents"], [log_group_arn])


def spark_rights(on: Resources) -> Iterator[iam.PolicyStatement]:
    """Read and rewrite raw objects (an erasure does), read and write every table, read code, write logs."""
    yield _may(
        ["s3:ListBucket", "s3:GetBucketVersioning"],
        [on.raw.bucket_arn, on.warehouse.bucket_arn],
    )
    yield _may(
        ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        [
            *(on.raw.arn_for_objects(f"{prefix}*") for prefix in (RAW_PREFIX, ERROR_PREFIX)),
            on.warehouse.arn_for_objects(f"{WAREHOUSE_PREFIX}*"),
        ],
    )
    yield _may([*_READ_CATALOG, *_WRITE_TABLE], on.tables("*"))
    yield _may(["s3:ListBucket"], [on.code.bucket_arn])
    yield _may(["s3:GetObject"], [on.code.arn_for_objects("*")])
    yield _may(["s3:PutObject"], [on.code.arn_for_objects(f"{on.log_prefix}*")])


def airflow_rights(on: Resources) -> Iterator[iam.PolicyStatement]:
    """Start Spark's jobs, see what is stale, scale the stream and record it, tell people, and write their reports."""
    yield from _airflow_reads(on)
    yield from _airflow_starts_jobs(on)
    yield _may(
        [
            "kinesis:AddTagsToStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:ListShards",
            "kinesis:ListTagsForStream",
            "kinesis:MergeShards",
            "kinesis:SplitShard",
            "kinesis:UpdateShardCount",
        ],
        [on.stream.stream_arn],
    )
    # These three know no resources; a metric is written into our own namespace only.
    yield _may(["cloudwatch:GetMetricData", "kinesis:DescribeLimits"], ["*"])
    yield _may(["cloudwatch:PutMetricData"], ["*"], only={"cloudwatch:namespace": NAMESPACE})
    yield _may(["sns:Publish"], [on.topic_arn])
    yield _may(["s3:PutObject"], [on.warehouse.arn_for_objects(f"{REPORT_PREFIX}*")])
    if on.airflow_takes_live_role:
        yield _may(["sts:AssumeRole"], [on.live_role.role_arn])


def _airflow_reads(on: Resources) -> Iterator[iam.PolicyStatement]:
    """List raw objects, read the ledgers' tables and the live document, and write the table of scaling decisions."""
    # Arrow's reader of files looks whether a place is a folder.
    yield _may(["s3:ListBucket"], [on.raw.bucket_arn, on.warehouse.bucket_arn, on.code.bucket_arn])
    yield _may(
        ["s3:GetObject"], [on.warehouse.arn_for_objects(f"{prefix}*") for prefix in (WAREHOUSE_PREFIX, LIVE_PREFIX)]
    )
    yield _may(["s3:PutObject", "s3:AbortMultipartUpload"], [on.files(SCALING_DECISIONS.name)])
    yield _may(list(_READ_CATALOG), on.tables("*"))
    yield _may(list(_WRITE_TABLE), on.tables(SCALING_DECISIONS.name))


def _airflow_starts_jobs(on: Resources) -> Iterator[iam.PolicyStatement]:
    """Start, watch and cancel job runs of the one application, under the one role; read what they printed."""
    application = on.application.attr_arn
    yield _may(
        [
            "emr-serverless:GetApplication",
            "emr-serverless:ListJobRuns",
            "emr-serverless:StartApplication",
            "emr-serverless:StartJobRun",
        ],
        [application],
    )
    yield _may(
        [
            "emr-serverless:CancelJobRun",
            "emr-serverless:GetDashboardForJobRun",
            "emr-serverless:GetJobRun",
            "emr-serverless:TagResource",
        ],
        [f"{application}/jobruns/*"],
    )
    yield _may(["iam:PassRole"], [on.spark_role.role_arn], only={"iam:PassedToService": "emr-serverless.amazonaws.com"})
    yield _may(["s3:GetObject"], [on.code.arn_for_objects("*")])


def live_rights(on: Resources) -> Iterator[iam.PolicyStatement]:
    """Read raw objects and the table of erased users, write the live document, and put metrics."""
    yield _may(["s3:ListBucket"], [on.raw.bucket_arn])
    yield _may(["s3:GetObject"], [on.raw.arn_for_objects(f"{RAW_PREFIX}*"), on.files(ERASED_USERS.name)])
    yield _may(["s3:PutObject"], [on.warehouse.arn_for_objects(f"{LIVE_PREFIX}*")])
    yield _may(["glue:GetDatabase", "glue:GetTable"], on.tables(ERASED_USERS.name))
    yield _may(["cloudwatch:PutMetricData"], ["*"], only={"cloudwatch:namespace": NAMESPACE})


def analyst_rights(on: Resources) -> Iterator[iam.PolicyStatement]:
    """Ask with Athena, in the workgroup; read every table but that of rejected lines, which are kept as they came."""
    workgroup = f"arn:{Aws.PARTITION}:athena:{Aws.REGION}:{Aws.ACCOUNT_ID}:workgroup/{on.workgroup}"
    yield _may(
        [
            "athena:BatchGetNamedQuery",
            "athena:BatchGetQueryExecution",
            "athena:GetNamedQuery",
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "athena:GetWorkGroup",
            "athena:ListNamedQueries",
            "athena:ListQueryExecutions",
            "athena:StartQueryExecution",
            "athena:StopQueryExecution",
        ],
        [workgroup],
    )
    yield _may([*_READ_CATALOG, "glue:GetDatabases", "glue:GetPartitions"], on.tables("*"))
    yield _may(["s3:GetBucketLocation", "s3:ListBucket"], [on.warehouse.bucket_arn])
    yield _may(["s3:GetObject"], [on.warehouse.arn_for_objects(f"{WAREHOUSE_PREFIX}*")])
    yield _may(
        ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
        [on.warehouse.arn_for_objects(f"{QUERY_RESULT_PREFIX}*")],
    )
    yield iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=["glue:GetTable", "s3:GetObject"],
        resources=[*on.table_arns(REJECTED_EVENTS.name), on.files(REJECTED_EVENTS.name)],
    )


def key_rights(on: Resources) -> Iterator[iam.PolicyStatement]:
    """Read and write what the account's own key encrypts, if there is one; a role has this beside the rights above."""
    if on.key_arn is not None:
        yield _may(["kms:Decrypt", "kms:GenerateDataKey"], [on.key_arn])


def _may(actions: list[str], resources: list[str], *, only: dict[str, str] | None = None) -> iam.PolicyStatement:
    conditions = None if only is None else {"StringEquals": only}
    return iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions)
