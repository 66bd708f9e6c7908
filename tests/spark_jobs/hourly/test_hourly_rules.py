"""Each rule of deduplication, sessions and counts, by literal rows: all of them in one lake and one run of job 2."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.event import MAX_PRICE
from contracts.partitions import HOUR
from contracts.tables import CLEAN_EVENTS, EVENT_LEDGER, HOURLY_EVENT_COUNTS, HOURLY_PRODUCT_STATS, HOURLY_TRAFFIC
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.hash_collisions import colliding_ids
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land
from tests.spark_jobs.table_rows import Row, table_rows

pytestmark = pytest.mark.spark

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)

#: Each rule has an hour of its own, with an empty one before it.
FIRST_COPY, TIE_INSERTION, TIE_USER, TIE_REST, EQUAL_COPIES, TWO_HOURS, COLLISION = (
    START + i * 3 * HOUR for i in range(7)
)
HALF_HOUR, LONGER, LOSER_BEFORE, MONEY, FORTUNE, CUSTOM, LATE, MANY_USERS, REFUNDS = (
    START + (7 + i) * 3 * HOUR for i in range(9)
)
COLLIDING = colliding_ids()


def copies(hour: datetime, *others: dict[str, Any]) -> list[ReceivedEvent]:
    """Return copies of one event of the hour: the first of them, by each of `others`, must win."""
    return [ReceivedEvent(**{"event_time": hour + MINUTE, "click_id": "same", **other}) for other in others]


EVENTS = [
    *copies(FIRST_COPY, {"user_id": "late", "received_at": FIRST_COPY + 3 * MINUTE}),
    *copies(FIRST_COPY, {"user_id": "winner", "received_at": FIRST_COPY + 2 * MINUTE}),
    *copies(TIE_INSERTION, {"user_id": "none", "insertion_timestamp": None}),
    *copies(TIE_INSERTION, {"user_id": "second", "insertion_timestamp": TIE_INSERTION + MICROSECOND}),
    *copies(TIE_INSERTION, {"user_id": "winner", "insertion_timestamp": TIE_INSERTION}),
    *copies(TIE_USER, {"user_id": "b"}, {"user_id": "a"}),
    *copies(TIE_REST, {"event_name": "View", "product_id": "p"}, {"event_name": "Search", "product_id": "q"}),
    *copies(TIE_REST, {"event_name": "Search", "product_id": None}, {"event_name": "Search", "product_id": "p"}),
    *copies(EQUAL_COPIES, {"request_id": "2"}, {"request_id": "1"}, {"request_id": "1"}),
    ReceivedEvent(event_time=TWO_HOURS + 59 * MINUTE, click_id="twice"),
    ReceivedEvent(event_time=TWO_HOURS + 60 * MINUTE, click_id="twice"),
    ReceivedEvent(event_time=COLLISION, click_id=COLLIDING[0]),
    ReceivedEvent(event_time=COLLISION, click_id=COLLIDING[1]),
    ReceivedEvent(event_time=HALF_HOUR - 20 * MINUTE, click_id="1"),
    ReceivedEvent(event_time=HALF_HOUR + 10 * MINUTE, click_id="2"),
    ReceivedEvent(event_time=LONGER - 20 * MINUTE, click_id="1"),
    ReceivedEvent(event_time=LONGER + 10 * MINUTE + MICROSECOND, click_id="2"),
    ReceivedEvent(event_time=LOSER_BEFORE - MINUTE, click_id="1", user_id="bob", received_at=LOSER_BEFORE),
    ReceivedEvent(event_time=LOSER_BEFORE - MINUTE, click_id="1", user_id="ann", received_at=LOSER_BEFORE + MINUTE),
    ReceivedEvent(event_time=LOSER_BEFORE + MINUTE, click_id="2", user_id="ann"),
    *(
        ReceivedEvent(event_time=MONEY, click_id=str(i), event_name="Purchase", product_id="p", price=Decimal("0.10"))
        for i in range(3)
    ),
    ReceivedEvent(event_time=MONEY, click_id="free", event_name="Purchase", product_id="p"),
    ReceivedEvent(event_time=MONEY, click_id="seen", event_name="ViewContent", product_id="p", price=Decimal("9.99")),
    *(
        ReceivedEvent(
            event_time=FORTUNE, click_id=str(i), event_name="Purchase", product_id="p", price=Decimal(MAX_PRICE) - 1
        )
        for i in range(3)
    ),
    ReceivedEvent(event_time=CUSTOM, click_id="1", event_name="Sign up", product_id="p"),
    ReceivedEvent(event_time=CUSTOM, click_id="2", event_name="Search", product_id="p"),
    ReceivedEvent(event_time=CUSTOM, click_id="3", event_name="AddToCart"),
    ReceivedEvent(event_time=LATE, click_id="in time"),
    *(
        ReceivedEvent(event_time=MANY_USERS + i * MINUTE, click_id=f"{i}", user_id=f"u{i % 2}", event_name=name)
        for i, name in enumerate(["Search", "Search", "Search", "Purchase"])
    ),
    *(
        ReceivedEvent(event_time=REFUNDS, click_id=str(i), event_name=name, product_id=product_id, price=price)
        for i, (name, product_id, price) in enumerate(
            [
                ("Purchase", "p", Decimal("9.99")),
                ("Refund", "p", Decimal("4.50")),
                ("Refund", "q", Decimal("0.01")),
                ("Refund", "p", None),
            ]
        )
    ),
]
LATE_EVENTS = [
    ReceivedEvent(event_time=LATE + MINUTE, click_id="late", received_at=LATE + 5 * HOUR),
    ReceivedEvent(event_time=LATE, click_id="in time", received_at=LATE + 5 * HOUR),
]


@dataclass(frozen=True)
class Made:
    """The lake after the one run."""

    lake: Lake

    def row(self, table: Any, hour: datetime) -> Row:
        (row,) = self.rows(table, hour)
        return row

    def rows(self, table: Any, hour: datetime) -> list[Row]:
        return [row for row in table_rows(self.lake, table) if hour <= row[0] < hour + HOUR]

    def clean(self, hour: datetime, column: str) -> list[Any]:
        position = [c.name for c in CLEAN_EVENTS.columns].index(column)
        return [row[position] for row in self.rows(CLEAN_EVENTS, hour)]

    def sessions_started(self, hour: datetime) -> int:
        return int(self.row(HOURLY_TRAFFIC, hour)[3])


@pytest.fixture(scope="module")
def made(empty_tables: Lake, new_lake: NewLake) -> Made:
    lake = copy_lake(empty_tables, new_lake())
    land(
        lake,
        [Landing(landing_hour=START, events=EVENTS), Landing(landing_hour=LATE + 5 * HOUR, events=LATE_EVENTS)],
    )
    aggregate_hours(lake, {event.event_hour for event in EVENTS})
    return Made(lake)


def test_the_copy_received_first_wins(made: Made) -> None:
    assert made.clean(FIRST_COPY, "user_id") == ["winner"]


def test_of_copies_received_at_once_the_first_queued_wins_and_none_comes_last(made: Made) -> None:
    assert made.clean(TIE_INSERTION, "user_id") == ["winner"]


def test_then_the_smaller_user_id_wins(made: Made) -> None:
    assert made.clean(TIE_USER, "user_id") == ["a"]


def test_then_the_rest_of_the_event_decides_column_by_column_and_none_comes_last(made: Made) -> None:
    assert made.clean(TIE_REST, "event_name") == ["Search"]
    assert made.clean(TIE_REST, "product_id") == ["p"]


def test_of_equal_copies_exactly_one_survives_whatever_object_it_came_in(made: Made) -> None:
    assert made.clean(EQUAL_COPIES, "request_id") == ["1"]


def test_one_click_id_in_two_event_hours_is_two_events(made: Made) -> None:
    assert made.clean(TWO_HOURS, "click_id") == made.clean(TWO_HOURS + HOUR, "click_id") == ["twice"]


def test_two_ids_with_one_hash_are_two_events(made: Made, spark: SparkSession) -> None:
    ids = spark.createDataFrame([(click_id,) for click_id in COLLIDING], "click_id string")
    assert ids.select(F.xxhash64("click_id")).distinct().count() == 1
    assert sorted(made.clean(COLLISION, "click_id")) == sorted(COLLIDING)


def test_an_event_after_a_gap_of_exactly_30_minutes_goes_on_with_the_session(made: Made) -> None:
    assert made.sessions_started(HALF_HOUR - HOUR) == 1
    assert made.sessions_started(HALF_HOUR) == 0


def test_a_gap_of_a_microsecond_more_starts_a_session(made: Made) -> None:
    assert made.sessions_started(LONGER) == 1


def test_a_repeated_event_of_the_hour_before_carries_no_session_over(made: Made) -> None:
    assert made.sessions_started(LOSER_BEFORE) == 1


def test_revenue_is_exact_and_purchases_without_a_price_are_counted_apart(made: Made) -> None:
    traffic = made.row(HOURLY_TRAFFIC, MONEY)
    assert traffic[1:10] == (5, 1, 1, 0, 1, 0, 4, Decimal("0.30"), 1)
    assert [row[:6] for row in made.rows(HOURLY_PRODUCT_STATS, MONEY)] == [(MONEY, "p", 1, 0, 4, Decimal("0.30"))]


def test_the_sum_of_the_largest_prices_is_exact(made: Made) -> None:
    revenue = 3 * (Decimal(MAX_PRICE) - 1)
    assert made.row(HOURLY_TRAFFIC, FORTUNE)[8] == revenue
    assert made.rows(HOURLY_PRODUCT_STATS, FORTUNE)[0][5] == revenue


def test_refunds_stand_beside_revenue_and_have_rows_of_their_own_among_products(made: Made) -> None:
    columns = [column.name for column in HOURLY_TRAFFIC.columns]
    traffic = dict(zip(columns, made.row(HOURLY_TRAFFIC, REFUNDS), strict=True))
    for of in ("", "_without_bots"):
        found = [traffic[f"{name}{of}"] for name in ("revenue", "refunds", "refunded", "purchases_without_price")]
        assert found == [Decimal("9.99"), 3, Decimal("4.51"), 0]
    products = [(row[1], *row[4:6], *row[10:]) for row in made.rows(HOURLY_PRODUCT_STATS, REFUNDS)]
    assert products == [
        ("p", 1, Decimal("9.99"), *(2, Decimal("4.50")) * 2),
        ("q", 0, Decimal("0.00"), *(1, Decimal("0.01")) * 2),
    ]


def test_a_custom_event_counts_under_its_own_name_and_for_no_product(made: Made) -> None:
    counts = [row[1:4] for row in made.rows(HOURLY_EVENT_COUNTS, CUSTOM)]
    assert counts == [("AddToCart", 1, 1), ("Search", 1, 1), ("Sign up", 1, 1)]
    assert made.rows(HOURLY_PRODUCT_STATS, CUSTOM) == []


def test_a_late_event_lands_in_its_event_hour_and_a_late_copy_changes_nothing(made: Made) -> None:
    assert sorted(made.clean(LATE, "click_id")) == ["in time", "late"]
    assert made.row(EVENT_LEDGER, LATE)[2:5] == (3, 2, 1)


def test_a_user_counts_once_in_the_hour_and_once_for_each_name(made: Made) -> None:
    counts = [row[1:4] for row in made.rows(HOURLY_EVENT_COUNTS, MANY_USERS)]
    assert counts == [("Purchase", 1, 1), ("Search", 3, 2)]
    assert made.row(HOURLY_TRAFFIC, MANY_USERS)[1:4] == (4, 2, 2)


def test_received_is_clean_and_duplicates_in_every_hour(made: Made, spark: SparkSession) -> None:
    rows = table_rows(made.lake, EVENT_LEDGER)
    assert {row[0] for row in rows} == {event.event_hour for event in EVENTS}
    assert all(received == clean + duplicates for _, _, received, clean, duplicates, *_ in rows)
    assert sum(row[3] for row in rows) == len(table_rows(made.lake, CLEAN_EVENTS))


def test_clean_events_lie_sorted_by_user_and_time_in_their_files(made: Made, spark: SparkSession) -> None:
    rows = spark.table(made.lake.table(CLEAN_EVENTS.name)).select("_file", "_pos", "user_id", "event_time").collect()
    in_file = sorted(rows, key=lambda row: (row["_file"], row["_pos"]))
    assert in_file == sorted(rows, key=lambda row: (row["_file"], row["user_id"], row["event_time"]))
