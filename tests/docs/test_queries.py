"""Every query of docs/queries.md, through Athena's API and in the shell, over a week that the Spark jobs made.

What it answers there is counted by hand; over what the simulator sends, each query answers at all.

The week: ann buys on Monday, and comes back twice on Tuesday, when a part of the price is given back to her; ben looks
on both days; on Wednesday a crawler buys something without a price, and an event of ann's Monday arrives, two days
late. One event is sent twice, one is too old, one line is not JSON.
"""

import gzip
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import duckdb
import pytest
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import hour_of, landing_prefix
from local.cloud.athena.engine import result_set
from local.cloud.process import LocalCloud
from local.lake_shell.lake import find_lake
from local.lake_shell.session import Session
from tests.docs.conftest import SimulatedLake, reconcile
from tests.spark_jobs.raw_lake import line

pytestmark = [pytest.mark.spark, pytest.mark.cloud, pytest.mark.timeout(900)]

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "queries.md").read_text()
BLOCKS: Final = dict(re.findall(r"^## (.+?)\n.*?^```sql\n(.+?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))
DATABASE: Final = "clickstream_queries"
CRAWLER: Final = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

SHOP: Final = "https://shop.example"
#: From another site, in the browser that is called ben.
FROM_A_SITE: Final[dict[str, Any]] = {
    "page_url": f"{SHOP}/shoes",
    "referrer": "https://find.example/",
    "anonymous_id": "ben",
}

Answer = list[list[str | None]]


def at(day: int, clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{day:02} {clock}").replace(tzinfo=UTC)


def landed(
    event_time: datetime,
    user: str,
    name: str,
    product: str = "",
    price: float | None = None,
    *,
    received_at: datetime | None = None,
    user_agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    **more: str,
) -> tuple[datetime, bytes]:
    """Return the landing hour and the line of an event that is received a second after it happens, or when it says."""
    arrival = received_at or event_time + timedelta(seconds=1)
    paid = {} if price is None else {"currency": "EUR"}
    data = ({"product_id": product} if product else {}) | ({} if price is None else {"price": price})
    text = line(
        event_time,
        f"{user}-{event_time:%d%H%M%S}",
        received_at=arrival,
        user_agent=user_agent,
        user_id=user,
        event_name=name,
        additional_data=data,
        **paid,
        **more,
    )
    return hour_of(arrival), text


LINES: Final = [
    landed(at(16, "10:00:00"), "ann", "Search", page_url=f"{SHOP}/?q=shoes", utm_source="mail", utm_medium="email"),
    landed(at(16, "10:01:00"), "ann", "ViewContent", "shoes"),
    landed(at(16, "10:01:00"), "ann", "ViewContent", "shoes"),
    landed(at(16, "10:02:00"), "ann", "AddToCart", "shoes"),
    landed(at(16, "10:03:00"), "ann", "Purchase", "shoes", 20.00),
    landed(at(16, "11:00:00"), "ben", "ViewContent", "hat"),
    landed(at(17, "09:00:00"), "ann", "ViewContent", "shoes", **FROM_A_SITE),
    landed(at(17, "09:30:01"), "ann", "ViewContent", "hat", page_url=f"{SHOP}/hat", referrer=f"{SHOP}/shoes"),
    landed(at(17, "09:30:31"), "ann", "Refund", "shoes", -5.00),
    landed(at(17, "12:00:00"), "ben", "Search"),
    landed(at(17, "12:05:00"), "ben", "ViewContent", "shoes"),
    landed(at(18, "08:00:00"), "bot", "Purchase", "hat", user_agent=CRAWLER),
    landed(at(18, "08:30:00"), "ann", "Search"),
    landed(at(16, "20:00:00"), "ann", "ViewContent", "gloves", received_at=at(18, "20:30:00")),
    landed(at(1, "20:00:00"), "ann", "ViewContent", "gloves", received_at=at(18, "20:30:00")),
    (at(18, "20:00:00"), b"not json\n"),
]

NOW: Final = date(2026, 11, 23)
MONDAY_10 = "2026-11-16 10:00:00.000000 UTC"
TUESDAY = "2026-11-17 09:30:01.000000 UTC"
WEEK: Final = "2026-11-16"
EXPECTED: Final[dict[str, Answer]] = {
    "Traffic of each week": [[WEEK, "3", "3", "0", "8", "0.25", "20.00", None]],
    "Totals of each week": [[WEEK, "13", "8", "2", "20.00", "20.0", "0.25", "0.625"]],
    # Not 2 + 2 + 2, the sum of the days' users.
    "Users of each week": [[WEEK, "3"]],
    "A month": [["2026-11-01", "3", "8", "20.00"]],
    "Days of a week": [
        ["2026-11-16", "2", "2", "0", "3", "20.00", "20.00"],
        ["2026-11-17", "2", "0", "2", "3", "0.00", None],
        ["2026-11-18", "2", "1", "1", "2", "0.00", None],
    ],
    "Net revenue": [
        ["2026-11-16", "1", "20.00", "0", "0.00", "20.00"],
        ["2026-11-17", "0", "0.00", "1", "5.00", "-5.00"],
        ["2026-11-18", "1", "0.00", "0", "0.00", "0.00"],
    ],
    "Purchases by currency": [["EUR", "1", "20.00"], [None, "1", None]],
    "Funnel of a day": [
        ["2026-11-16", "1", "Search", "1", "1", None],
        ["2026-11-16", "2", "ViewContent", "1", "2", "60.0"],
        ["2026-11-16", "3", "AddToCart", "1", "1", "60.0"],
        ["2026-11-16", "4", "Purchase", "1", "1", "60.0"],
    ],
    "Funnel over a range": [
        ["1", "Search", "2"],
        ["2", "ViewContent", "2"],
        ["3", "AddToCart", "1"],
        ["4", "Purchase", "1"],
    ],
    "Retention": [["0", "3", "3", "1.0"], ["1", "2", "2", "1.0"], ["2", "2", "1", "0.5"]],
    "Conversion by landing event": [
        ["ViewContent", "4", "0", "0.0", "0.00"],
        ["Search", "3", "1", "0.3333333333333333", "20.00"],
        ["Purchase", "1", "1", "1.0", "0.00"],
    ],
    "Where sessions come from": [
        ["direct", None, "6", "1", "0.16666666666666666", "0.00"],
        ["mail", "email", "1", "1", "1.0", "20.00"],
        ["find.example", None, "1", "0", "0.0", "0.00"],
    ],
    "Landing pages": [
        [None, "5", "4", "1"],
        [f"{SHOP}/", "1", "0", "1"],
        [f"{SHOP}/hat", "1", "0", "0"],
        [f"{SHOP}/shoes", "1", "1", "0"],
    ],
    "What people do next": [["ViewContent", "2", repr(2 / 3)], ["(end)", "1", repr(1 / 3)]],
    "The first five steps": [
        ["1", "(start)", "ViewContent", "4"],
        ["1", "(start)", "Search", "3"],
        ["1", "(start)", "Purchase", "1"],
        ["2", "ViewContent", "(end)", "3"],
        ["2", "Search", "ViewContent", "2"],
        ["2", "Purchase", "(end)", "1"],
        ["2", "Search", "(end)", "1"],
        ["2", "ViewContent", "Refund", "1"],
        ["3", "Refund", "(end)", "1"],
        ["3", "ViewContent", "(end)", "1"],
        ["3", "ViewContent", "AddToCart", "1"],
        ["4", "AddToCart", "Purchase", "1"],
        ["5", "Purchase", "(end)", "1"],
    ],
    "Top products": [
        ["shoes", "3", "1", "1", "20.00", "5.00"],
        ["hat", "2", "0", "1", "0.00", "0.00"],
        ["gloves", "1", "0", "0", "0.00", "0.00"],
    ],
    "Sessions of a user": [
        [MONDAY_10, "2026-11-16 10:03:00.000000 UTC", "4", "1", "1", "1", "20.00", "Search", None],
        [*["2026-11-16 20:00:00.000000 UTC"] * 2, "1", "1", "0", "0", "0.00", "ViewContent", "gloves"],
        [*["2026-11-17 09:00:00.000000 UTC"] * 2, "1", "1", "0", "0", "0.00", "ViewContent", "shoes"],
        [TUESDAY, "2026-11-17 09:30:31.000000 UTC", "2", "1", "0", "0", "0.00", "ViewContent", "hat"],
        [*["2026-11-18 08:30:00.000000 UTC"] * 2, "1", "0", "0", "0", "0.00", "Search", None],
    ],
    # Who was ben before has ann's name.
    "People": [
        [None, "ann", "3", "12", "3", "false"],
        [None, "bot", "1", "1", "0", "false"],
    ],
    "Late events": [["2026-11-16", "1", "48.5"]],
    "Rejected lines by reason": [["not_json", "1"], ["too_late", "1"]],
    "Ledger balance": [],
    "Where the lines of a week went": [["16", "14", "2", "13", "1"]],
    "An hour with and without bots": [
        ["2026-11-18 08:00:00.000000 UTC", "2", "1", "2", "1", "0.00", "0.00"],
    ],
    "A table as it was": [["2026-11-16", "2", "20.00"], ["2026-11-17", "2", "0.00"], ["2026-11-18", "2", "0.00"]],
}


#: They list what went wrong: over what the simulator sends they run, and find nothing.
NOTHING_TO_FIND: Final = {"Ledger balance", "Failed data checks"}
#: Columns that no event of the week has.
UNSENT: Final = ("null_share_insertion_timestamp", "null_share_pixel_id")
#: What each hour is warned of: one event is there twice, only one has a price, and none comes shortly before an end.
WARNINGS: Final = {
    "2026-11-16 10": ["duplicate_share", *UNSENT, "quiet_minutes"],
    "2026-11-16 11": [*UNSENT, "null_share_price", "quiet_minutes"],
    "2026-11-17 09": [*UNSENT, "quiet_minutes"],
    "2026-11-17 12": [*UNSENT, "null_share_price", "quiet_minutes"],
    "2026-11-18 08": [*UNSENT, "null_share_price", "quiet_minutes"],
    "2026-11-18 20": [*UNSENT, "null_share_price", "quiet_minutes", "rejected_share"],
}


class Lake(Protocol):
    """Tables that can be asked."""

    def answer(self, sql: str) -> Answer:
        """Return the rows as Athena writes their values, without the names."""
        ...


class AthenasLake:
    """Tables behind Athena's API."""

    def __init__(self, cloud: LocalCloud, database: str, results: str) -> None:
        self._athena = cloud.client("athena")
        self._database = database
        self._results = results

    def answer(self, sql: str) -> Answer:
        """Return the rows; fail with Athena's reason."""
        execution_id = self._athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self._database},
            ResultConfiguration={"OutputLocation": self._results},
        )["QueryExecutionId"]
        deadline = time.monotonic() + 60
        while True:
            execution = self._athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]["StateChangeReason"]
        rows = self._athena.get_query_results(QueryExecutionId=execution_id)["ResultSet"]["Rows"]
        return [[one.get("VarCharValue") for one in row["Data"]] for row in rows[1:]]


class ShellsLake:
    """The same tables in the shell of `make sql`."""

    def __init__(self, cloud: LocalCloud, database: str, folder: Path) -> None:
        connection = {"endpoint_url": cloud.endpoint_url, "region": "us-east-1", "database": database, "raw_uri": ""}
        (folder / "connection.json").write_text(json.dumps(connection))
        self._session = Session(find_lake({}, folder))

    def answer(self, sql: str) -> Answer:
        """Return the rows; fail with DuckDB's reason."""
        found = self._session.run(sql)
        assert found is not None
        return [list(row) for row in result_set(found).rows]


@pytest.fixture(scope="module")
def week(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        s3, glue = cloud.client("s3"), cloud.client("glue")
        for bucket in ("queries-raw", "queries-warehouse"):
            s3.create_bucket(Bucket=bucket)
        glue.create_database(DatabaseInput={"Name": DATABASE})
        for hour in {hour for hour, _ in LINES}:
            body = gzip.compress(b"".join(text for landing_hour, text in LINES if landing_hour == hour))
            s3.put_object(Bucket="queries-raw", Key=f"{landing_prefix(hour)}one.gz", Body=body)
        lake = LakeLocation(
            raw_uri="s3://queries-raw/raw", warehouse_uri="s3://queries-warehouse/warehouse", database=DATABASE
        )
        settled_before = datetime(2026, 11, 25, tzinfo=UTC)
        reconcile(spark, cloud, lake, first="2026-11-16T00", end="2026-11-23T00", settled_before=settled_before)
        yield cloud


@pytest.fixture(scope="module", params=["athena", "shell"])
def lake(request: pytest.FixtureRequest, week: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    if request.param == "athena":
        return AthenasLake(week, DATABASE, "s3://queries-warehouse/athena-results/")
    return ShellsLake(week, DATABASE, tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="module", params=["athena", "shell"])
def sent_lake(
    request: pytest.FixtureRequest, simulated_lake: SimulatedLake, tmp_path_factory: pytest.TempPathFactory
) -> Lake:
    """The tables of what the simulator sends, as a demo has them."""
    cloud, database = simulated_lake.cloud, simulated_lake.database
    if request.param == "athena":
        return AthenasLake(cloud, database, simulated_lake.warehouse_uri.replace("/warehouse", "/athena-results/"))
    return ShellsLake(cloud, database, tmp_path_factory.mktemp("sent"))


def test_every_section_of_the_page_has_one_query() -> None:
    assert len(BLOCKS) == PAGE.count("```sql") == PAGE.count("\n## ")
    assert EXPECTED.keys() <= BLOCKS.keys()


@pytest.mark.parametrize("section", EXPECTED)
def test_a_query_answers_what_can_be_counted_by_hand(lake: Lake, section: str) -> None:
    assert lake.answer(BLOCKS[section]) == EXPECTED[section]


def test_a_commit_is_found_in_the_history_and_asked_by_its_id(lake: Lake) -> None:
    (_, newest), *_older = lake.answer(BLOCKS["What a table was"])
    sql = BLOCKS["A table as it was"].replace("TIMESTAMP AS OF current_timestamp", f"VERSION AS OF {newest}")
    assert lake.answer(sql) == EXPECTED["A table as it was"]


@pytest.mark.parametrize("section", BLOCKS)
def test_a_query_answers_over_what_the_simulator_sends(sent_lake: Lake, section: str) -> None:
    found = sent_lake.answer(BLOCKS[section])
    assert found or section in NOTHING_TO_FIND


def test_rejected_lines_are_shown_as_they_came(lake: Lake) -> None:
    rows = lake.answer(BLOCKS["Rejected lines"])
    assert [row[1] for row in rows] == ["not_json", "too_late"]
    assert rows[0][3] == "not json"
    assert json.loads(str(rows[1][3]))["event"]["user_id"] == "ann"


def test_failed_checks_are_those_of_the_week(lake: Lake) -> None:
    rows = lake.answer(BLOCKS["Failed data checks"])
    assert {row[3] for row in rows} == {"warn"}
    found: dict[str, list[str | None]] = {}
    for row in rows:
        found.setdefault(str(row[0])[:13], []).append(row[2])
    assert found == WARNINGS


def test_a_browser_of_several_users_is_a_person_of_its_own_and_so_is_a_user_whom_another_calls_a_browser() -> None:
    pairs = [("phone", "ann"), ("laptop", "ann"), ("tablet", "ann"), ("tablet", "bob"), ("ann", "thief")]
    links = [(NOW, None, *pair) for pair in pairs] + [(NOW - timedelta(days=7), None, "old", "bob")]
    users = [(None, user) for user in ("ann", "bob", "thief", "phone", "laptop", "tablet", "old")]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE daily_traffic AS SELECT ?::DATE AS day", [NOW])
        connection.execute(
            "CREATE TABLE identity_links (day DATE, site VARCHAR, anonymous_id VARCHAR, user_id VARCHAR)"
        )
        connection.executemany("INSERT INTO identity_links VALUES (?, ?, ?, ?)", [*links, (NOW, "de", "phone", "eve")])
        connection.execute("CREATE TABLE user_days (day DATE, site VARCHAR, user_id VARCHAR, events BIGINT)")
        seen = [(NOW, *user) for user in [*users, ("de", "phone"), ("fr", "phone")]]
        connection.executemany("INSERT INTO user_days VALUES (?, ?, ?, 2)", seen)
        rows = connection.execute(BLOCKS["People"]).fetchall()
    assert {(site, person): (int(of), int(unnamed), ambiguous) for site, person, _, of, unnamed, ambiguous in rows} == {
        (None, "ann"): (6, 4, False),
        (None, "bob"): (2, 0, False),
        (None, "old"): (2, 0, False),
        (None, "tablet"): (2, 0, True),
        (None, "thief"): (2, 0, False),
        ("de", "eve"): (2, 2, False),
        ("fr", "phone"): (2, 0, False),
    }


def test_a_weeks_users_are_not_the_sum_of_its_days(lake: Lake) -> None:
    days = [int(str(row[1])) for row in lake.answer(BLOCKS["Days of a week"])]
    ((_, users),) = lake.answer(BLOCKS["Users of each week"])
    assert (sum(days), users) == (6, "3")
