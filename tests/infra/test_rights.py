"""Each actor can do what its code calls, and nothing else: the template's policies against recorded calls."""

from pathlib import Path
from typing import Final

import pytest

from contracts.stages import ALL_TABLES
from contracts.tables import REJECTED_EVENTS, SCALING_DECISIONS
from tests.infra.conftest import Template
from tests.infra.iam import ACCOUNT, APPLICATION, REGION, Role, roles, statements_of

pytestmark = pytest.mark.cdk

RECORDED: Final = [
    tuple(line.split(" ")) for line in Path(__file__).with_name("recorded_calls.txt").read_text().splitlines()
]
RAW: Final = f"arn:aws:s3:::clickstream-local-raw-{ACCOUNT}-{REGION}"
WAREHOUSE: Final = f"arn:aws:s3:::clickstream-local-warehouse-{ACCOUNT}-{REGION}"
CODE: Final = f"arn:aws:s3:::clickstream-local-code-{ACCOUNT}-{REGION}"
STREAM: Final = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clickstream-local-events"
GLUE: Final = f"arn:aws:glue:{REGION}:{ACCOUNT}"
TABLE: Final = f"{GLUE}:table/clickstream_local"
EMR: Final = f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{APPLICATION}"
TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:clickstream-local-alarms"
WORKGROUP: Final = f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/clickstream-local"
LOG_GROUP: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/kinesisfirehose/clickstream-local-raw:*"
NAMESPACE: Final = {"cloudwatch:namespace": "Clickstream"}
#: What AWS's own services do under a role, and what the local cloud has no recording of: by AWS's documentation.
DOCUMENTED: Final = [
    ("Ingestion", "kinesis:PutRecord", STREAM),
    ("Ingestion", "kinesis:PutRecords", STREAM),
    ("Delivery", "kinesis:GetRecords", STREAM),
    ("Delivery", "s3:PutObject", f"{RAW}/raw/landing_date=2026-11-22/x.gz"),
    ("Delivery", "s3:PutObject", f"{RAW}/errors/x.gz"),
    ("Delivery", "logs:PutLogEvents", LOG_GROUP),
    ("Spark", "s3:GetObject", f"{CODE}/0a1b-arm64/spark_jobs/run_transform_events.py"),
    ("Spark", "s3:PutObject", f"{CODE}/logs/applications/1/jobs/1/stdout.gz"),
    ("Airflow", "s3:GetObject", f"{CODE}/0a1b-arm64/package.json"),
    ("Airflow", "s3:ListBucket", CODE),
    ("Airflow", "emr-serverless:StartJobRun", EMR),
    ("Airflow", "emr-serverless:GetApplication", EMR),
    ("Airflow", "emr-serverless:ListJobRuns", EMR),
    ("Airflow", "emr-serverless:GetJobRun", f"{EMR}/jobruns/1"),
    ("Airflow", "emr-serverless:CancelJobRun", f"{EMR}/jobruns/1"),
    ("Airflow", "emr-serverless:TagResource", f"{EMR}/jobruns/1"),
    ("Airflow", "s3:PutObject", f"{WAREHOUSE}/reports/day=2026-11-22.html"),
    ("Airflow", "s3:GetObject", f"{WAREHOUSE}/live/minutes.json"),  # a page shows it
    ("Airflow", "cloudwatch:GetMetricData", "*"),  # a page shows what the API accepted
    ("Live", "glue:GetDatabase", f"{GLUE}:database/clickstream_local"),
    ("Analyst", "athena:StartQueryExecution", WORKGROUP),
    ("Analyst", "glue:GetTable", f"{TABLE}/hourly_traffic"),
    ("Analyst", "s3:GetObject", f"{WAREHOUSE}/warehouse/hourly_traffic/data/x.parquet"),
    ("Analyst", "s3:PutObject", f"{WAREHOUSE}/athena-results/x.csv"),
]
#: Attempts of an actor that was taken over, or that errs.
DENIED: Final = [
    ("Ingestion", "kinesis:GetRecords", STREAM),
    ("Ingestion", "kinesis:PutRecord", STREAM.replace("local", "prod")),
    ("Ingestion", "s3:GetObject", f"{RAW}/raw/x"),
    ("Delivery", "s3:DeleteObject", f"{RAW}/raw/x"),
    ("Delivery", "s3:PutObject", f"{WAREHOUSE}/warehouse/clean_events/x"),
    ("Delivery", "kinesis:PutRecord", STREAM),
    ("Spark", "s3:PutObject", f"{CODE}/0a1b-arm64/spark_jobs/run_transform_events.py"),
    ("Spark", "s3:DeleteBucket", WAREHOUSE),
    ("Spark", "s3:GetObject", f"{RAW.replace('local', 'prod')}/raw/x"),
    ("Spark", "glue:DeleteDatabase", f"{GLUE}:database/clickstream_local"),
    ("Spark", "glue:GetTable", f"{GLUE}:table/other/people"),
    ("Spark", "kinesis:PutRecord", STREAM),
    ("Spark", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/any"),
    ("Airflow", "s3:GetObject", f"{RAW}/raw/x"),
    ("Airflow", "s3:DeleteObject", f"{WAREHOUSE}/warehouse/clean_events/x"),
    ("Airflow", "s3:PutObject", f"{WAREHOUSE}/warehouse/clean_events/x"),
    ("Airflow", "s3:PutObject", f"{CODE}/0a1b-arm64/clickstream.zip"),
    ("Airflow", "glue:UpdateTable", f"{TABLE}/clean_events"),
    ("Airflow", "kinesis:DeleteStream", STREAM),
    ("Airflow", "kinesis:GetRecords", STREAM),
    ("Airflow", "emr-serverless:StartJobRun", EMR.replace(APPLICATION, "00other")),
    ("Airflow", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Admin"),
    ("Airflow", "sns:Publish", TOPIC.replace("alarms", "others")),
    ("Airflow", "cloudwatch:PutMetricData", "*"),
    ("Airflow", "s3:PutObject", f"{WAREHOUSE}/live/minutes.json"),
    ("Airflow", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/Admin"),
    ("Live", "s3:PutObject", f"{RAW}/raw/x"),
    ("Live", "s3:DeleteObject", f"{RAW}/raw/x"),
    ("Live", "s3:GetObject", f"{RAW}/errors/x"),
    ("Live", "s3:GetObject", f"{WAREHOUSE}/warehouse/clean_events/data/x.parquet"),
    ("Live", "s3:PutObject", f"{WAREHOUSE}/warehouse/erased_users/data/x.parquet"),
    ("Live", "s3:GetObject", f"{CODE}/0a1b-arm64/package.json"),
    ("Live", "glue:UpdateTable", f"{TABLE}/erased_users"),
    ("Live", "glue:GetTable", f"{TABLE}/clean_events"),
    ("Live", "kinesis:GetRecords", STREAM),
    ("Live", "cloudwatch:PutMetricData", "*"),
    ("Analyst", "s3:GetObject", f"{RAW}/raw/x"),
    ("Analyst", "s3:GetObject", f"{WAREHOUSE}/live/minutes.json"),
    ("Analyst", "s3:PutObject", f"{WAREHOUSE}/warehouse/clean_events/x"),
    ("Analyst", "glue:GetTable", f"{TABLE}/{REJECTED_EVENTS.name}"),
    ("Analyst", "s3:GetObject", f"{WAREHOUSE}/warehouse/{REJECTED_EVENTS.name}/data/x.parquet"),
    ("Analyst", "athena:StartQueryExecution", WORKGROUP.replace("local", "other")),
    ("Analyst", "athena:DeleteWorkGroup", WORKGROUP),
]


@pytest.fixture(scope="module")
def actors(local_template: Template) -> dict[str, Role]:
    return roles(local_template)


def test_jobs_and_tasks_may_do_what_they_were_seen_to_do(actors: dict[str, Role]) -> None:
    refused = [
        (actor, action, resource)
        for actor, action, resource in RECORDED
        if not actors[actor.capitalize()].may(action, resource, **NAMESPACE)
    ]
    assert refused == []


@pytest.mark.parametrize(("actor", "action", "resource"), DOCUMENTED)
def test_services_may_do_what_aws_documents_of_them(
    actors: dict[str, Role], actor: str, action: str, resource: str
) -> None:
    assert actors[actor].may(action, resource)


@pytest.mark.parametrize(("actor", "action", "resource"), DENIED)
def test_nobody_may_do_what_is_another_s_matter(
    actors: dict[str, Role], actor: str, action: str, resource: str
) -> None:
    assert not actors[actor].may(action, resource)


def test_airflow_hands_the_jobs_role_to_emr_serverless_and_to_nobody_else(actors: dict[str, Role]) -> None:
    ((_, spark),) = [one for one in statements_of(actors["Airflow"]) if one[0] == "iam:PassRole"]
    assert "Spark" in spark
    to = "iam:PassedToService"
    assert actors["Airflow"].may("iam:PassRole", spark, **{to: "emr-serverless.amazonaws.com"})
    assert not actors["Airflow"].may("iam:PassRole", spark, **{to: "ec2.amazonaws.com"})


def test_no_right_is_there_that_nobody_was_seen_to_use(actors: dict[str, Role]) -> None:
    """A right of our own programs is recorded, or is one that AWS itself uses or that is used when a job fails."""
    only_there = {
        "s3:AbortMultipartUpload",  # of an upload that fails
        "glue:GetTables",  # Iceberg asks when it lists
        "emr-serverless:GetDashboardForJobRun",  # the provider's link
        "emr-serverless:StartApplication",  # the provider starts one that is stopped
        "iam:PassRole",
        "sts:AssumeRole",  # the live minutes on Airflow's machine take their own role
    }
    seen = {(actor.capitalize(), action) for actor, action, _ in RECORDED}
    seen |= {(actor, action) for actor, action, _ in DOCUMENTED}
    unused = {
        (name, action)
        for name in ("Spark", "Airflow", "Live")
        for action, _ in statements_of(actors[name])
        if (name, action) not in seen and action not in only_there
    }
    assert unused == set()


def test_the_recording_is_of_every_table() -> None:
    made = {resource.rpartition("/")[2] for _, action, resource in RECORDED if action == "glue:CreateTable"}
    assert {table.name for table in ALL_TABLES} | {SCALING_DECISIONS.name} <= made


def test_no_action_has_a_wildcard_and_no_resource_is_everything_but_where_aws_knows_none(
    actors: dict[str, Role],
) -> None:
    for role in actors.values():
        assert not [action for action, _ in statements_of(role) if "*" in action]
    everything = {action for role in actors.values() for action, resource in statements_of(role) if resource == "*"}
    assert everything == {"cloudwatch:GetMetricData", "cloudwatch:PutMetricData", "kinesis:DescribeLimits"}


def test_each_role_is_for_one_service_of_this_account_or_for_its_people(
    actors: dict[str, Role], full_template: Template
) -> None:
    own = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    services = {name: role.trust["Principal"].get("Service") for name, role in actors.items()}
    assert services == {
        "Ingestion": "apigateway.amazonaws.com",
        "Delivery": "firehose.amazonaws.com",
        "Spark": "emr-serverless.amazonaws.com",
        "Airflow": "ec2.amazonaws.com",
        "Live": None,
        "Analyst": None,
    }
    for name in ("Ingestion", "Delivery", "Spark"):
        assert actors[name].trust["Condition"] == own
    for name in ("Airflow", "Live"):
        pods = roles(full_template)[name].trust
        assert (pods["Principal"]["Service"], pods["Condition"]) == ("pods.eks.amazonaws.com", own)
        assert set(pods["Action"]) == {"sts:AssumeRole", "sts:TagSession"}


def test_only_airflow_s_machine_takes_the_role_of_the_live_minutes_and_a_pod_has_it_by_itself(
    actors: dict[str, Role], full_template: Template
) -> None:
    ((_, live),) = [one for one in statements_of(actors["Airflow"]) if one[0] == "sts:AssumeRole"]
    assert "Live" in live
    (airflow,) = actors["Live"].trust["Principal"].values()
    assert airflow["Fn::GetAtt"][0].startswith("ComputeAirflow")
    assert "sts:AssumeRole" not in {action for action, _ in statements_of(roles(full_template)["Airflow"])}


def test_with_a_key_of_the_account_s_own_every_actor_may_use_it_and_nothing_rests_under_another(
    full_template: Template,
) -> None:
    assert all(
        role.may(f"kms:{use}", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1")
        for role in roles(full_template).values()
        for use in ("Decrypt", "GenerateDataKey")
    )
    for bucket in full_template.properties("AWS::S3::Bucket"):
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert full_template.only("AWS::Kinesis::Stream")["StreamEncryption"]["KeyId"] != "alias/aws/kinesis"
    assert all("KmsKeyId" in group for group in full_template.properties("AWS::Logs::LogGroup"))
    assert "KmsMasterKeyId" in full_template.only("AWS::SNS::Topic")
    assert full_template.only("AWS::KMS::Key")["EnableKeyRotation"] is True
