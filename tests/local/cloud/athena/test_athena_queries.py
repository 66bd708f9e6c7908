"""Athena on the local cloud: what a client of it sees, over Iceberg tables that pyiceberg made in the Glue catalog."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import botocore.exceptions
import botocore.session
import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    TimestamptzType,
)

from local.cloud.athena.service import OPERATIONS as ATHENA
from local.cloud.process import LocalCloud
from tests.local.cloud.conftest import Clients

pytestmark = pytest.mark.cloud

SCHEMA = Schema(
    NestedField(1, "day", DateType(), required=True),
    NestedField(2, "at", TimestamptzType()),
    NestedField(3, "users", LongType()),
    NestedField(4, "revenue", DecimalType(38, 2)),
    NestedField(5, "share", DoubleType()),
    NestedField(6, "closed", BooleanType()),
    NestedField(7, "note", StringType()),
    NestedField(8, "line", BinaryType()),
    NestedField(9, "names", ListType(91, StringType(), element_required=False)),
    NestedField(10, "reasons", MapType(101, StringType(), 102, LongType(), value_required=False)),
)


@dataclass(frozen=True, kw_only=True)
class Lake:
    """A database with the tables `days` (two commits, of one row and of two) and `empty`; and how to ask."""

    clients: Clients
    database: str
    bucket: str
    first_snapshot: int

    def start(self, sql: str, **request: Any) -> str:
        started = self.clients.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/results/"},
            **request,
        )
        return str(started["QueryExecutionId"])

    def ended(self, execution_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            found = self.clients.athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return dict(found)
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def rows(self, sql: str) -> list[list[str | None]]:
        execution_id = self.start(sql)
        ended = self.ended(execution_id)
        assert ended["Status"]["State"] == "SUCCEEDED", ended["Status"]
        pages = self.clients.athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution_id)
        return [[one.get("VarCharValue") for one in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]

    def reason(self, sql: str) -> str:
        status = self.ended(self.start(sql))["Status"]
        assert status["State"] == "FAILED", status
        assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
        return str(status["StateChangeReason"])


def arrow(schema: pa.Schema, *rows: tuple[Any, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


ONE = (
    date(2026, 11, 22),
    datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
    7,
    Decimal("12.50"),
    0.25,
    True,
    'a "b", c',
    b"hi",
    ["x", None],
    {"bad": 2},
)
TWO: tuple[Any, ...] = (date(2026, 11, 23), None, 4, None, 1e10, False, "", None, [], {})


@pytest.fixture(scope="module")
def lake(local_cloud: LocalCloud, clients: Clients) -> Lake:
    where = local_cloud.environment()
    database, bucket = f"athena_{time.time_ns()}", f"athena-{time.time_ns()}"
    clients.s3.create_bucket(Bucket=bucket)
    keys = {"region": "us-east-1", "access-key-id": "test", "secret-access-key": "test"}
    catalog = load_catalog(
        "glue",
        type="glue",
        **{f"{service}.endpoint": where["AWS_ENDPOINT_URL"] for service in ("glue", "s3")},
        **{f"{service}.{key}": value for service in ("glue", "s3") for key, value in keys.items()},
    )
    catalog.create_namespace(database)
    spec = UNPARTITIONED_PARTITION_SPEC
    made = catalog.create_table((database, "days"), SCHEMA, location=f"s3://{bucket}/days", partition_spec=spec)
    catalog.create_table((database, "empty"), SCHEMA, location=f"s3://{bucket}/empty", partition_spec=spec)
    made.append(arrow(made.schema().as_arrow(), ONE))
    first = made.current_snapshot()
    assert first is not None
    made.append(arrow(made.schema().as_arrow(), TWO))
    return Lake(clients=clients, database=database, bucket=bucket, first_snapshot=first.snapshot_id)


def test_every_type_comes_back_as_athena_writes_it(lake: Lake) -> None:
    execution_id = lake.start("SELECT * FROM days ORDER BY day")
    ended = lake.ended(execution_id)
    answer = lake.clients.athena.get_query_results(QueryExecutionId=execution_id)["ResultSet"]
    info = [
        (one["Name"], one["Type"], one["Precision"], one["Scale"]) for one in answer["ResultSetMetadata"]["ColumnInfo"]
    ]
    assert info == [
        ("day", "date", 0, 0),
        ("at", "timestamp with time zone", 6, 0),
        ("users", "bigint", 19, 0),
        ("revenue", "decimal", 38, 2),
        ("share", "double", 17, 0),
        ("closed", "boolean", 0, 0),
        ("note", "varchar", 2147483647, 0),
        ("line", "varbinary", 1073741824, 0),
        ("names", "array", 0, 0),
        ("reasons", "map", 0, 0),
    ]
    assert [[one.get("VarCharValue") for one in row["Data"]] for row in answer["Rows"]] == [
        ["day", "at", "users", "revenue", "share", "closed", "note", "line", "names", "reasons"],
        [
            *("2026-11-22", "2026-11-22 10:30:00.000000 UTC", "7", "12.50", "0.25", "true", 'a "b", c', "68 69"),
            *("[x, null]", "{bad=2}"),
        ],
        ["2026-11-23", None, "4", None, "1.0E10", "false", "", None, "[]", "{}"],
    ]
    assert ended["Statistics"]["DataScannedInBytes"] > 0
    location = ended["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{lake.bucket}/results/{execution_id}.csv"
    body = lake.clients.s3.get_object(Bucket=lake.bucket, Key=f"results/{execution_id}.csv")["Body"].read().decode()
    assert body.splitlines()[2] == '"2026-11-23",,"4",,"1.0E10","false","",,"[]","{}"'


def test_the_dialect_is_athenas(lake: Lake) -> None:
    sql = """
        WITH weeks AS (SELECT date_trunc('week', day) AS week, users FROM awsdatacatalog.{database}.days)
        SELECT week, sum(users) / count(*), sum(users) * 1e0 / count(*) AS exact, count_if(users > 5), 7 / 2
        FROM weeks GROUP BY 1 ORDER BY week
    """
    assert lake.rows(sql.format(database=lake.database)) == [
        ["week", "_col1", "exact", "_col3", "_col4"],
        ["2026-11-16", "7", "7.0", "1", "3"],
        ["2026-11-23", "4", "4.0", "0", "3"],
    ]
    assert lake.rows("SELECT k, v FROM days CROSS JOIN UNNEST(reasons) AS t(k, v)")[1:] == [["bad", "2"]]
    assert lake.rows("SELECT day FROM days WHERE at >= TIMESTAMP '2026-11-22 10:00:00 UTC'")[1:] == [["2026-11-22"]]
    assert lake.rows("SELECT date_diff('day', min(day), max(day)) FROM days")[1:] == [["1"]]


def test_a_table_without_a_commit_has_no_rows(lake: Lake) -> None:
    assert lake.rows("SELECT count(*), max(users) FROM empty")[1:] == [["0", None]]
    assert lake.rows("SELECT day FROM empty") == [["day"]]


def test_time_travel_reads_a_table_as_it_was(lake: Lake) -> None:
    history = lake.rows(
        'SELECT snapshot_id, parent_id, is_current_ancestor FROM "days$history" ORDER BY made_current_at'
    )
    assert history[1] == [str(lake.first_snapshot), None, "true"]
    assert history[2][1:] == [str(lake.first_snapshot), "true"]
    operations = lake.rows("SELECT operation, summary['total-records'] FROM \"days$snapshots\" ORDER BY committed_at")
    assert operations[1:] == [["append", "1"], ["append", "2"]]
    assert lake.rows(f"SELECT count(*) FROM days FOR VERSION AS OF {lake.first_snapshot}")[1:] == [["1"]]
    assert lake.rows("SELECT count(*) FROM days FOR TIMESTAMP AS OF current_timestamp")[1:] == [["2"]]
    before = lake.reason("SELECT 1 FROM days FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01 00:00:00 UTC'")
    assert before.startswith("INVALID_ARGUMENTS: No version history table days at or before")
    assert "Iceberg snapshot ID does not exist: 1" in lake.reason("SELECT 1 FROM days FOR VERSION AS OF 1")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        pytest.param("SELECT 1 FROM nosuch", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.", id="table"),
        pytest.param(
            "SELECT nocol FROM days", "COLUMN_NOT_FOUND: line 1:8: Column 'nocol' cannot be resolved", id="column"
        ),
        pytest.param("SELECT (1 FROM days", "SYNTAX_ERROR: line 1:", id="syntax"),
        pytest.param("SELECT nosuch(day) FROM days", "FUNCTION_NOT_FOUND: ", id="function"),
        pytest.param("SELECT CAST(note AS bigint) FROM days", "INVALID_CAST_ARGUMENT: ", id="cast"),
        pytest.param("SELECT 1; SELECT 2", "SYNTAX_ERROR: Only one sql statement is allowed", id="two statements"),
        pytest.param("DROP TABLE days", "NOT_SUPPORTED: the local cloud's Athena runs queries only", id="drop"),
        pytest.param("SELECT revenue / 2 FROM days", "NOT_SUPPORTED: ", id="decimal quotient"),
        pytest.param("SELECT avg(revenue) FROM days", "NOT_SUPPORTED: ", id="decimal average"),
        pytest.param('SELECT 1 FROM "days$files"', "NOT_SUPPORTED: ", id="metadata table"),
        pytest.param("SELECT 1 FROM other.db.days", "CATALOG_NOT_FOUND: line 1:15: Catalog 'other'", id="catalog"),
        pytest.param("SELECT * FROM read_text('/etc/hostname')", "", id="no file of this machine"),
    ],
)
def test_a_query_that_cannot_be_answered_fails_with_its_reason(lake: Lake, sql: str, reason: str) -> None:
    assert lake.reason(sql).startswith(reason)


def test_results_come_in_pages_whose_first_row_are_the_names(lake: Lake) -> None:
    execution_id = lake.start("SELECT n FROM UNNEST(sequence(1, 5)) AS t(n)")
    lake.ended(execution_id)
    first = lake.clients.athena.get_query_results(QueryExecutionId=execution_id, MaxResults=2)
    assert [row["Data"][0]["VarCharValue"] for row in first["ResultSet"]["Rows"]] == ["n", "1"]
    pages = lake.clients.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=execution_id, PaginationConfig={"PageSize": 4}
    )
    assert [len(page["ResultSet"]["Rows"]) for page in pages] == [4, 2]
    with pytest.raises(botocore.exceptions.ClientError, match="MaxResults"):
        lake.clients.athena.get_query_results(QueryExecutionId=execution_id, MaxResults=1001)


@pytest.mark.slow
def test_a_query_that_runs_is_stopped_and_stays_so(lake: Lake) -> None:
    endless = lake.start(
        "SELECT count(*) FROM UNNEST(sequence(1, 9000000)) AS a(x), UNNEST(sequence(1, 9000000)) AS b(y)"
    )
    waiting = lake.start("SELECT 1")
    for execution_id in (waiting, endless):
        lake.clients.athena.stop_query_execution(QueryExecutionId=execution_id)
        assert lake.ended(execution_id)["Status"]["State"] == "CANCELLED"
    assert lake.rows("SELECT 1") == [["_col0"], ["1"]]
    assert lake.ended(endless)["Status"]["State"] == "CANCELLED"
    with pytest.raises(botocore.exceptions.ClientError, match="Current state: CANCELLED"):
        lake.clients.athena.get_query_results(QueryExecutionId=endless)


def test_the_same_token_starts_a_query_once(lake: Lake) -> None:
    token = f"{time.time_ns():032}"
    assert lake.start("SELECT 1", ClientRequestToken=token) == lake.start("SELECT 1", ClientRequestToken=token)
    with pytest.raises(botocore.exceptions.ClientError, match="Idempotent parameters do not match"):
        lake.start("SELECT 2", ClientRequestToken=token)


def test_a_query_needs_somewhere_to_put_its_results(clients: Clients) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="No output location provided"):
        clients.athena.start_query_execution(QueryString="SELECT 1")


def test_a_call_or_member_that_we_lack_is_an_error_that_names_it(clients: Clients) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="does not have ListNamedQueries"):
        clients.athena.list_named_queries()
    with pytest.raises(botocore.exceptions.ClientError, match="does not have ExecutionParameters"):
        clients.athena.start_query_execution(QueryString="SELECT ?", ExecutionParameters=["1"])


def test_every_operation_answers_its_model(lake: Lake) -> None:
    athena, called = lake.clients.athena, set()
    athena.meta.events.register("before-call.athena", lambda model, **_: called.add(model.name))
    lake.rows("SELECT 1")
    lake.clients.athena.stop_query_execution(QueryExecutionId=athena.list_query_executions()["QueryExecutionIds"][0])
    assert athena.get_work_group(WorkGroup="primary")["WorkGroup"]["State"] == "ENABLED"
    assert "primary" in [group["Name"] for group in athena.list_work_groups()["WorkGroups"]]
    with pytest.raises(botocore.exceptions.ClientError, match="WorkGroup nosuch is not found"):
        athena.get_work_group(WorkGroup="nosuch")
    assert called == set(ATHENA)


def test_the_table_of_operations_knows_only_members_of_the_model() -> None:
    model = botocore.session.get_session().get_service_model("athena")
    for operation, (_, members) in ATHENA.items():
        assert set(members) <= set(model.operation_model(operation).input_shape.members), operation
