"""Rules of where sessions come from: which text is a host, whose it is, and what a day's sources add up to."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.partitions import DAY, day_number
from contracts.tables import DAILY_SOURCES
from spark_jobs.daily.day_queries import FIGURES, stored_rows
from spark_jobs.daily.source_queries import foreign_host
from tests.spark_jobs.daily.clean_rows import CleanEvent, Row, at, day_tables, rows_of
from tests.spark_jobs.hostile_urls import URLS
from tests.spark_jobs.specification.witness import SQL
from tests.specification import hosts

Pages = tuple[str | None, str | None]
NAMES = ("referrer", "page_url")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return DuckDB with the macros of `duckdb_tables.sql`."""
    macros = SQL.read_text(encoding="utf-8").split("CREATE MACRO ")[1:]
    with duckdb.connect() as connected:
        for macro in macros:
            connected.execute(f"CREATE MACRO {macro.partition(';')[0]}")
        yield connected


def foreign_hosts(connection: duckdb.DuckDBPyConnection, pages: Sequence[Pages]) -> list[str | None]:
    """Return the host of each (referrer, page_url), about which the job and both specifications must agree."""
    values = zip(*pages, strict=True)
    columns = [pa.array(range(len(pages)), pa.int64()), *(pa.array(column, pa.string()) for column in values)]
    connection.register("pages", pa.table(columns, names=["place", *NAMES]))
    witnessed = "nullif(host_of(referrer), host_of(page_url))"
    answers = connection.execute(f"SELECT {foreign_host(*NAMES)}, {witnessed} FROM pages ORDER BY place").fetchall()
    assert [witness for _, witness in answers] == [hosts.foreign_host(*pair) for pair in pages]
    assert [host for host, _ in answers] == [hosts.foreign_host(*pair) for pair in pages]
    return [host for host, _ in answers]


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("https://search.example/", "search.example"),
        ("https://Search.EXAMPLE", "search.example"),
        ("http://search.example:8080/a:b@c/", "search.example"),
        ("https://ann:pass@word@search.example:443/", "search.example"),
        ("android-app://com.example.reader/", "com.example.reader"),
        ("https://[2001:DB8::1]:443/", "[2001:db8::1]"),
        ("https://BÜCHER.example/", "bÜcher.example"),
        ("https://search.example:/", "search.example"),
        ("https://search.example?q=ann@mail.example", "search.example"),
        ("https://search.example:443#/@other", "search.example"),
        ("//search.example/", None),
        ("search.example", None),
        ("about:client", None),
        ("https:///path", None),
        ("https://search.example:80a/", None),
        ("https://shop.example\\@search.example/", None),
        ("https://search example/", None),
        ("https://search.example\n", None),
        ("1http://search.example/", None),
        ("", None),
        (None, None),
    ],
)
def test_the_host_of_an_address_is_its_name_alone(
    connection: duckdb.DuckDBPyConnection, referrer: str | None, host: str | None
) -> None:
    assert foreign_hosts(connection, [(referrer, "https://shop.example/")]) == [host]


def test_the_pages_own_host_is_none_and_a_page_without_an_address_has_no_own(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    pages: list[Pages] = [
        ("https://shop.example/a", "http://SHOP.example:80/b"),
        ("https://www.shop.example/a", "https://shop.example/b"),
        ("https://shop.example/a", None),
        ("https://shop.example/a", "/b"),
    ]
    assert foreign_hosts(connection, pages) == [None, "www.shop.example", "shop.example", "shop.example"]


@given(pages=st.lists(st.tuples(URLS, URLS), min_size=1, max_size=60))
def test_the_job_and_both_specifications_find_the_same_host_in_hostile_addresses(
    connection: duckdb.DuckDBPyConnection, pages: list[Pages]
) -> None:
    assert len(foreign_hosts(connection, pages)) == len(pages)


MONDAY = date(2026, 11, 23)
COLUMNS = [column.name for column in DAILY_SOURCES.columns]


def sources_of(events: Iterable[CleanEvent], *days: date) -> list[Row]:
    return rows_of(day_tables(events, *days), stored_rows()[DAILY_SOURCES], *COLUMNS)


def test_a_session_counts_for_its_campaign_without_one_for_the_site_before_it_and_else_as_direct() -> None:
    ten, two = at(MONDAY, "10:00:00"), Decimal("2.00")
    site = "https://search.example/"
    events = [
        CleanEvent(event_time=ten, utm_source="mail", utm_medium="email", referrer=site),
        CleanEvent(event_time=ten + timedelta(minutes=1), event_name="Purchase", price=two),
        CleanEvent(event_time=ten + timedelta(hours=1), utm_source="mail", utm_medium="email"),
        CleanEvent(event_time=ten, user_id="bob", utm_source="mail"),
        CleanEvent(event_time=ten, user_id="eve", referrer=site),
        CleanEvent(event_time=ten, user_id="dan", referrer="https://shop.example/", page_url="https://shop.example/a"),
    ]
    assert sources_of(events, MONDAY) == [
        (MONDAY, "direct", None, 1, 1, 0, 0.0, Decimal("0.00")),
        (MONDAY, "mail", "email", 2, 1, 1, 0.5, two),
        (MONDAY, "mail", None, 1, 1, 0, 0.0, Decimal("0.00")),
        (MONDAY, "search.example", None, 1, 1, 0, 0.0, Decimal("0.00")),
    ]


def test_a_piece_that_was_cut_at_midnight_is_no_session_but_its_user_and_revenue_count() -> None:
    price = Decimal("3.00")
    machine = [
        CleanEvent(event_time=at(MONDAY, "00:00:00") + number * timedelta(minutes=30), click_id=str(number))
        for number in range(48)
    ]
    bought = CleanEvent(event_time=at(MONDAY + DAY, "00:00:00"), utm_source="mail", event_name="Purchase", price=price)
    assert sources_of([*machine, bought], MONDAY + DAY) == [(MONDAY + DAY, "mail", None, 0, 1, 0, None, price)]


#: A few users who come now and then from a few places.
EVENT = st.builds(
    CleanEvent,
    event_time=st.integers(0, 143).map(lambda step: at(MONDAY - DAY, "12:00:00") + step * timedelta(minutes=15)),
    user_id=st.sampled_from(["ann", "bob", "eve"]),
    click_id=st.sampled_from(["1", "2", "3"]),
    event_name=st.sampled_from(["Search", "Purchase"]),
    price=st.sampled_from([None, Decimal("0.10")]),
    utm_source=st.sampled_from([None, None, "mail", "direct"]),
    utm_medium=st.sampled_from([None, "email"]),
    referrer=st.sampled_from([None, "https://search.example/", "https://mail/"]),
)


@settings(max_examples=25)
@given(events=st.lists(EVENT, max_size=60))
def test_a_days_sources_add_up_to_its_sessions(events: list[CleanEvent]) -> None:
    whole = day_tables(events, MONDAY - DAY, MONDAY)
    rows = rows_of(whole, stored_rows()[DAILY_SOURCES], *COLUMNS)
    figures = {(day, name): value for day, name, value in whole.execute(FIGURES).fetchall()}
    for day in (MONDAY - DAY, MONDAY):
        of_day = [row for row in rows if row[0] == day]
        for name in ("sessions", "converted_sessions"):
            place = COLUMNS.index(name)
            assert sum(row[place] for row in of_day) == figures.get((day_number(day), name), 0)
    (revenue,) = whole.execute("SELECT coalesce(sum(revenue), 0) FROM session_rows").fetchall()[0]
    assert sum((row[-1] for row in rows), start=Decimal(0)) == revenue
