"""Rules of new and returning users, of retention, of a day's traffic and of its products, on literal rows."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.partitions import DAY
from contracts.tables import DAILY_PRODUCT_STATS, DAILY_TRAFFIC
from spark_jobs.daily.daily_tables import DayTraffic, UsersByCohort, retention_rows, traffic_by_day, traffic_rows
from spark_jobs.daily.day_queries import NO_EVENTS, USERS_BY_COHORT, clean, stored_rows, users_in_order
from spark_jobs.daily.day_task import no_events
from tests.spark_jobs.daily.clean_rows import CleanEvent, at, clean_table, day_tables, rows_of

MONDAY = date(2026, 11, 23)


def cohorts(**days: list[int]) -> UsersByCohort:
    """Return the users by cohort, each user being there so many days before or after Monday."""
    rows = [{"user_id": user, "day": MONDAY + offset * DAY} for user, offsets in days.items() for offset in offsets]
    connection = duckdb.connect()
    schema = pa.schema({"user_id": pa.string(), "day": pa.date32()})
    connection.register("user_days", pa.Table.from_pylist(rows[::-1], schema))
    connection.execute(users_in_order("user_days"))
    found = connection.execute(USERS_BY_COHORT).to_arrow_table().to_pylist()
    return {(row["day"], row["cohort_day"]): row["users"] for row in found}


def test_a_user_seen_90_days_before_returns_and_one_seen_91_days_before_is_new() -> None:
    ((day, _, users, new, returning, *_),) = traffic_rows(
        cohorts(ann=[-90, 0], bob=[-91, 0], eve=[0]), {}, {}, [MONDAY]
    )
    assert (day, users, new, returning) == (MONDAY, 3, 2, 1)


def test_a_cohort_is_shown_up_to_30_days_later_also_if_nobody_of_it_is_there() -> None:
    """Ann and Bob are new together; 30 days later only Ann is there, another day later the cohort is gone."""
    by_cohort = cohorts(ann=[0, 1, 30, 31], bob=[0], eve=[1])
    assert sorted(retention_rows(by_cohort, [MONDAY, MONDAY + DAY])) == [
        (MONDAY, MONDAY, 0, 2, 2),
        (MONDAY + DAY, MONDAY, 1, 2, 1),
        (MONDAY + DAY, MONDAY + DAY, 0, 1, 1),
    ]
    later = [MONDAY + 30 * DAY, MONDAY + 31 * DAY]
    assert sorted(retention_rows(by_cohort, later)) == [
        (later[0], MONDAY, 30, 2, 1),
        (later[0], MONDAY + DAY, 29, 1, 0),
        (later[1], MONDAY + DAY, 30, 1, 0),
    ]


def test_a_user_who_is_new_again_belongs_to_the_new_cohort() -> None:
    by_cohort = cohorts(ann=[-100, 0, 1])
    assert retention_rows(by_cohort, [MONDAY + DAY]) == [(MONDAY + DAY, MONDAY, 1, 1, 1)]


def test_a_day_without_users_has_no_retention() -> None:
    assert retention_rows(cohorts(ann=[0]), [MONDAY + DAY]) == []


def test_a_purchase_in_another_currency_is_no_order_that_the_average_is_of() -> None:
    day = DayTraffic(revenue=Decimal("10.00"), purchases=4, purchases_without_price=1, purchases_in_other_currency=1)
    assert day.average_order == Decimal("5.00")
    assert replace(day, purchases_in_other_currency=None).average_order == Decimal("3.33")


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
    revenue: str, purchases: int, without_price: int, expected: str | None
) -> None:
    day = DayTraffic(revenue=Decimal(revenue), purchases=purchases, purchases_without_price=without_price)
    assert day.average_order == (Decimal(expected) if expected else None)


def test_what_an_hour_does_not_know_its_day_does_not_know() -> None:
    hour = {"events": 1, "purchases": 1, "purchases_without_price": 0, "revenue": Decimal("2.00")}
    known = {**hour, "event_hour": at(MONDAY, "10:00:00"), "refunds": 1, "refunded": Decimal("0.50")}
    known["purchases_in_other_currency"] = 2
    older = {**hour, "event_hour": at(MONDAY, "11:00:00"), "refunds": None, "refunded": None}
    older["purchases_in_other_currency"] = None
    assert traffic_by_day([known, known])[MONDAY] == DayTraffic(
        events=2,
        purchases=2,
        revenue=Decimal("4.00"),
        refunds=2,
        refunded=Decimal("1.00"),
        purchases_in_other_currency=4,
    )
    (row,) = traffic_rows(cohorts(ann=[0]), {}, traffic_by_day([known, older, known]), [MONDAY])
    by_name = dict(zip([column.name for column in DAILY_TRAFFIC.columns], row, strict=True))
    assert [by_name[name] for name in ("events", "revenue", "average_order", "refunds", "refunded")] == [
        *(3, Decimal("6.00"), Decimal("2.00"), None, None)
    ]


@pytest.mark.parametrize(
    ("currency", "prices"), [(None, ["1.00", "2.00", "4.00", None]), ("EUR", ["1.00", "2.00", None, None])]
)
def test_a_price_in_another_currency_than_the_shops_is_none(
    tmp_path: Path, currency: str | None, prices: list[str | None]
) -> None:
    paid = [("1.00", "EUR"), ("2.00", None), ("4.00", "USD"), (None, "USD")]
    events = [
        CleanEvent(
            event_time=at(MONDAY, f"10:00:0{second}"), price=None if price is None else Decimal(price), currency=of
        )
        for second, (price, of) in enumerate(paid)
    ]
    pq.write_table(clean_table(events), tmp_path / "clean.parquet")
    with duckdb.connect() as connection:
        connection.from_arrow(no_events()).create(NO_EVENTS)
        connection.execute(clean([str(tmp_path / "clean.parquet")], currency))
        found = connection.execute("SELECT price::VARCHAR FROM clean ORDER BY event_time").fetchall()
    assert [price for (price,) in found] == prices


def test_a_products_users_are_those_of_its_views_carts_purchases_and_refunds() -> None:
    ten = at(MONDAY, "10:00:00")
    events = [
        CleanEvent(event_time=ten, event_name="ViewContent", product_id="7"),
        CleanEvent(event_time=ten, event_name="ViewContent", product_id="7"),
        CleanEvent(event_time=ten, event_name="Purchase", product_id="7", user_id="bob", price=Decimal("9.99")),
        CleanEvent(event_time=ten, event_name="Search", product_id="7", user_id="eve"),
        CleanEvent(event_time=ten, event_name="AddToCart", product_id="8"),
        CleanEvent(event_time=ten, event_name="Refund", product_id="8", user_id="zoe", price=Decimal("1.50")),
        CleanEvent(event_time=ten, event_name="AddToCart"),
        CleanEvent(event_time=ten + DAY, event_name="AddToCart", product_id="9"),
    ]
    made = day_tables(events, MONDAY)
    columns = ("day", "product_id", "users", "views", "carts", "purchases", "revenue", "refunds", "refunded")
    assert rows_of(made, stored_rows()[DAILY_PRODUCT_STATS], *columns) == [
        (MONDAY, "7", 2, 2, 0, 1, Decimal("9.99"), 0, Decimal("0.00")),
        (MONDAY, "8", 2, 0, 1, 0, Decimal("0.00"), 1, Decimal("1.50")),
    ]
