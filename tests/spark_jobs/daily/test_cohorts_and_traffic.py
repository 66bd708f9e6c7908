"""Rules of new and returning users, of retention, of a day's traffic and of its products, on literal rows."""

from datetime import date
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from contracts.partitions import DAY
from spark_jobs.daily.daily_tables import (
    average_order,
    daily_product_stats,
    daily_retention,
    new_and_returning,
    users_by_cohort,
)
from tests.spark_jobs.daily.clean_rows import CleanEvent, at, clean_events, rows_of

pytestmark = pytest.mark.spark

MONDAY = date(2026, 11, 23)
RETENTION = ("day", "cohort_day", "age", "cohort_users", "active_users")


def cohorts(spark: SparkSession, **days: list[int]) -> DataFrame:
    """Return the users by cohort, each user being there so many days before or after Monday."""
    rows = [(user, MONDAY + offset * DAY) for user, offsets in days.items() for offset in offsets]
    return users_by_cohort(spark.createDataFrame(rows, "user_id string, day date"))


def test_a_user_seen_90_days_before_returns_and_one_seen_91_days_before_is_new(spark: SparkSession) -> None:
    made = new_and_returning(cohorts(spark, ann=[-90, 0], bob=[-91, 0], eve=[0]))
    assert (MONDAY, 3, 2, 1) in rows_of(made, "day", "users", "new_users", "returning_users")


def test_a_cohort_is_shown_up_to_30_days_later_also_if_nobody_of_it_is_there(spark: SparkSession) -> None:
    """Ann and Bob are new together; 30 days later only Ann is there, another day later the cohort is gone."""
    by_cohort = cohorts(spark, ann=[0, 1, 30, 31], bob=[0], eve=[1])
    assert rows_of(daily_retention(by_cohort, [MONDAY, MONDAY + DAY]), *RETENTION) == [
        (MONDAY, MONDAY, 0, 2, 2),
        (MONDAY + DAY, MONDAY, 1, 2, 1),
        (MONDAY + DAY, MONDAY + DAY, 0, 1, 1),
    ]
    later = [MONDAY + 30 * DAY, MONDAY + 31 * DAY]
    assert rows_of(daily_retention(by_cohort, later), *RETENTION) == [
        (later[0], MONDAY, 30, 2, 1),
        (later[0], MONDAY + DAY, 29, 1, 0),
        (later[1], MONDAY + DAY, 30, 1, 0),
    ]


def test_a_user_who_is_new_again_belongs_to_the_new_cohort(spark: SparkSession) -> None:
    by_cohort = cohorts(spark, ann=[-100, 0, 1])
    assert rows_of(daily_retention(by_cohort, [MONDAY + DAY]), *RETENTION) == [(MONDAY + DAY, MONDAY, 1, 1, 1)]


def test_a_day_without_users_has_no_retention(spark: SparkSession) -> None:
    assert rows_of(daily_retention(cohorts(spark, ann=[0]), [MONDAY + DAY]), *RETENTION) == []


@pytest.mark.parametrize(
    ("revenue", "purchases", "without_price", "expected"),
    [
        pytest.param("10.00", 3, 0, "3.33", id="down"),
        pytest.param("0.05", 2, 0, "0.03", id="half-up"),
        pytest.param("10.00", 5, 1, "2.50", id="a-purchase-without-price-is-no-order"),
        pytest.param("0.00", 2, 2, None, id="none-with-a-price"),
        pytest.param("10049999.95", 10_000_000, 0, "1.00", id="just-below-the-half"),
        pytest.param("29999999999999999.97", 3, 0, "9999999999999999.99", id="the-greatest-price"),
    ],
)
def test_the_average_order_is_rounded_half_up_once(
    spark: SparkSession, revenue: str, purchases: int, without_price: int, expected: str | None
) -> None:
    row = [(Decimal(revenue), purchases, without_price)]
    day = spark.createDataFrame(row, "revenue decimal(38,2), purchases bigint, purchases_without_price bigint")
    ((made,),) = rows_of(day.select(average_order().alias("average_order")), "average_order")
    assert made == (Decimal(expected) if expected else None)


def test_a_products_users_are_those_of_its_views_carts_and_purchases(spark: SparkSession) -> None:
    ten = at(MONDAY, "10:00:00")
    events = [
        CleanEvent(event_time=ten, event_name="ViewContent", product_id="7"),
        CleanEvent(event_time=ten, event_name="ViewContent", product_id="7"),
        CleanEvent(event_time=ten, event_name="Purchase", product_id="7", user_id="bob", price=Decimal("9.99")),
        CleanEvent(event_time=ten, event_name="Search", product_id="7", user_id="eve"),
        CleanEvent(event_time=ten, event_name="AddToCart", product_id="8"),
        CleanEvent(event_time=ten, event_name="AddToCart"),
        CleanEvent(event_time=ten + DAY, event_name="AddToCart", product_id="9"),
    ]
    made = daily_product_stats(clean_events(spark, events), [MONDAY])
    assert rows_of(made, "day", "product_id", "users", "views", "carts", "purchases", "revenue") == [
        (MONDAY, "7", 2, 2, 0, 1, Decimal("9.99")),
        (MONDAY, "8", 1, 0, 1, 0, Decimal("0.00")),
    ]
