"""Rules of sessions, of users' days and of the funnel, each on a few literal events."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event import FUNNEL_EVENTS
from contracts.partitions import DAY, day_number
from contracts.tables import IDENTITY_LINKS, SESSIONS, USER_DAYS
from spark_jobs.daily import day_queries as queries
from spark_jobs.daily.computed_days import day_figures
from spark_jobs.daily.daily_tables import DayFigures, funnel_rows
from spark_jobs.daily.day_queries import stored_rows
from spark_jobs.daily.day_task import DURATIONS, FIGURES, ID_HASHES, no_events
from spark_jobs.daily.transition_queries import TRANSITIONS
from spark_jobs.lake.duckdb_tasks import TaskResults
from tests.spark_jobs.daily.clean_rows import CleanEvent, Row, at, day_tables, rows_of

MONDAY = date(2026, 11, 23)
TUESDAY = MONDAY + DAY
MINUTE = timedelta(minutes=1)
SPAN = ("user_id", "session_start", "session_end", "continued", "events")


def sessions_of(events: Iterable[CleanEvent], days: Collection[date], columns: Collection[str]) -> list[Row]:
    return rows_of(day_tables(events, *days), stored_rows()[SESSIONS], *columns)


def every(minutes: int, start: datetime, end: datetime, user_id: str = "ann") -> list[CleanEvent]:
    """Return a user's events at a steady pace, from the first moment to the last."""
    count = (end - start) // (minutes * MINUTE) + 1
    return [
        CleanEvent(event_time=start + number * minutes * MINUTE, user_id=user_id, click_id=str(number))
        for number in range(count)
    ]


def test_a_gap_of_more_than_30_minutes_starts_a_session_and_one_of_30_does_not() -> None:
    events = [CleanEvent(event_time=at(MONDAY, clock)) for clock in ("10:00:00", "10:30:00", "11:00:00.000001")]
    assert sessions_of(events, [MONDAY], SPAN) == [
        ("ann", at(MONDAY, "10:00:00"), at(MONDAY, "10:30:00"), False, 2),
        ("ann", at(MONDAY, "11:00:00.000001"), at(MONDAY, "11:00:00.000001"), False, 1),
    ]


def test_a_session_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    events = [
        CleanEvent(event_time=at(MONDAY, "23:50:00")),
        CleanEvent(event_time=at(TUESDAY, "00:20:00"), event_name="Purchase", price=Decimal("1.50")),
    ]
    columns = (*SPAN, "searches", "purchases", "revenue")
    whole = ("ann", at(MONDAY, "23:50:00"), at(TUESDAY, "00:20:00"), False, 2, 1, 1, Decimal("1.50"))
    assert sessions_of(events, [MONDAY], columns) == [whole]
    assert sessions_of(events, [TUESDAY], columns) == []


def test_a_day_without_a_gap_is_cut_at_its_end_and_the_next_piece_is_continued() -> None:
    """The machine's day holds at its edges with exactly 30 minutes; its sessions before and after end naturally."""
    machine = every(30, at(MONDAY - DAY, "22:30:00"), at(TUESDAY, "09:30:00"))
    assert sessions_of(machine, [MONDAY - DAY, MONDAY, TUESDAY], SPAN) == [
        ("ann", at(MONDAY - DAY, "22:30:00"), at(MONDAY, "23:30:00"), False, 51),
        ("ann", at(TUESDAY, "00:00:00"), at(TUESDAY, "09:30:00"), True, 20),
    ]


@pytest.mark.parametrize(
    ("first", "last", "next_event", "starts"),
    [
        pytest.param("00:30:00", "23:30:00", "00:00:00", [False, True], id="gapless"),
        pytest.param("00:30:01", "23:30:01", "00:00:00", [False], id="begins-too-late"),
        pytest.param("00:00:00", "23:30:00", "00:00:01", [False, False], id="a-gap-at-midnight-is-a-natural-start"),
        pytest.param("00:29:59", "23:29:59", "00:00:00", [False, False], id="ends-too-early"),
    ],
)
def test_a_day_is_gapless_if_nowhere_from_midnight_to_midnight_more_than_30_minutes_pass(
    first: str, last: str, next_event: str, starts: list[bool]
) -> None:
    events = [*every(30, at(MONDAY, first), at(MONDAY, last)), CleanEvent(event_time=at(TUESDAY, next_event))]
    made = sessions_of(events, [MONDAY, TUESDAY], ["session_start", "continued"])
    assert [continued for _, continued in made] == starts


def test_a_machines_pieces_are_one_per_day_whichever_days_are_made() -> None:
    machine = every(20, at(MONDAY - DAY, "00:00:00"), at(TUESDAY, "23:40:00"))
    assert sessions_of(machine, [MONDAY], SPAN) == [("ann", at(MONDAY, "00:00:00"), at(MONDAY, "23:40:00"), True, 72)]


def test_the_landing_event_is_the_first_of_its_time_that_was_received() -> None:
    ten = at(MONDAY, "10:00:00")
    events = [
        CleanEvent(event_time=ten, click_id="a", event_name="Late", received_at=ten + MINUTE),
        CleanEvent(event_time=ten, click_id="c", event_name="Second", product_id="p"),
        CleanEvent(event_time=ten, click_id="b", event_name="First", product_id="7", pixel_id="shop"),
        CleanEvent(event_time=ten + MINUTE, click_id="0", event_name="Search"),
    ]
    landing = ("landing_event_name", "landing_product_id", "landing_pixel_id", "events")
    assert sessions_of(events, [MONDAY], landing) == [("First", "7", "shop", 4)]


def test_a_session_says_where_its_first_event_came_from() -> None:
    first = CleanEvent(
        event_time=at(MONDAY, "10:00:00"),
        page_url="https://shop.example/shoes",
        referrer="https://Search.example:443/",
        utm_source="newsletter",
        utm_medium="email",
        utm_campaign="spring",
    )
    events = [
        first,
        CleanEvent(event_time=at(MONDAY, "10:01:00"), utm_source="other", referrer="https://other.example"),
        CleanEvent(event_time=at(MONDAY, "10:00:00"), user_id="bob"),
    ]
    columns = [f"landing_{name}" for name in ("page_url", "referrer_host", "utm_source", "utm_medium", "utm_campaign")]
    assert sessions_of(events, [MONDAY], columns) == [
        ("https://shop.example/shoes", "search.example", "newsletter", "email", "spring"),
        (None, None, None, None, None),
    ]


def test_events_that_were_written_before_a_column_was_declared_are_null_in_it(tmp_path: Path) -> None:
    row = dict.fromkeys(("user_id", "click_id", "event_name"), "ann")
    schema = pa.schema([("event_time", pa.timestamp("us", tz="UTC")), *((name, pa.string()) for name in row)])
    pq.write_table(pa.Table.from_pylist([{"event_time": at(MONDAY, "10:00:00"), **row}], schema), tmp_path / "old")
    with duckdb.connect() as connection:
        connection.from_arrow(no_events()).create(queries.NO_EVENTS)
        connection.execute(queries.clean([str(tmp_path / "old")]))
        names = [name for name in queries.CLEAN_COLUMNS if name not in schema.names]
        assert connection.execute(f"SELECT {', '.join(names)} FROM {queries.CLEAN}").fetchall() == [
            (None,) * len(names)
        ]


def test_a_users_day_holds_its_own_events_only() -> None:
    events = [
        CleanEvent(event_time=at(MONDAY, "23:59:59.999999")),
        CleanEvent(event_time=at(TUESDAY, "00:00:00")),
        CleanEvent(event_time=at(TUESDAY, "12:00:00")),
        CleanEvent(event_time=at(TUESDAY, "12:00:00"), user_id="bob"),
    ]
    made = day_tables(events, TUESDAY)
    assert rows_of(made, stored_rows()[USER_DAYS], "day", "user_id", "first_event", "last_event", "events") == [
        (TUESDAY, "ann", at(TUESDAY, "00:00:00"), at(TUESDAY, "12:00:00"), 2),
        (TUESDAY, "bob", at(TUESDAY, "12:00:00"), at(TUESDAY, "12:00:00"), 1),
    ]


def test_a_link_is_two_ids_of_a_days_events_and_an_id_that_stands_in_for_the_user_is_none() -> None:
    events = [
        CleanEvent(event_time=at(MONDAY, "23:59:00"), anonymous_id="phone"),
        CleanEvent(event_time=at(TUESDAY, "10:00:00"), anonymous_id="phone", click_id="1"),
        CleanEvent(event_time=at(TUESDAY, "10:00:00"), anonymous_id="phone", click_id="2"),
        CleanEvent(event_time=at(TUESDAY, "11:00:00"), anonymous_id="phone", user_id="bob"),
        CleanEvent(event_time=at(TUESDAY, "11:30:00"), anonymous_id="phone", user_id="phone"),
        CleanEvent(event_time=at(TUESDAY, "12:00:00"), anonymous_id="phone"),
        CleanEvent(event_time=at(TUESDAY, "13:00:00")),
    ]
    columns = [column.name for column in IDENTITY_LINKS.columns]
    assert rows_of(day_tables(events, TUESDAY), stored_rows()[IDENTITY_LINKS], *columns) == [
        (TUESDAY, "phone", "ann", at(TUESDAY, "10:00:00"), at(TUESDAY, "12:00:00"), 3, None),
        (TUESDAY, "phone", "bob", at(TUESDAY, "11:00:00"), at(TUESDAY, "11:00:00"), 1, None),
    ]


def steps(user_id: str, *named: tuple[str, str]) -> list[CleanEvent]:
    return [CleanEvent(event_time=at(MONDAY, clock), user_id=user_id, event_name=name) for clock, name in named]


def figures_of(events: Iterable[CleanEvent]) -> DayFigures:
    """Return Monday's figures."""
    made = day_tables(events, MONDAY)
    asked = {FIGURES: queries.FIGURES, DURATIONS: queries.DURATIONS, ID_HASHES: queries.ID_HASHES}
    results = {kind: [made.execute(query).to_arrow_table()] for kind, query in asked.items()}
    return day_figures(TaskResults(files=(), tables=results)).get(MONDAY, DayFigures())


def funnel_of(events: Iterable[CleanEvent]) -> list[tuple[object, ...]]:
    figures = figures_of(events)
    return [row[1:] for row in funnel_rows({MONDAY: figures})]


def test_a_step_counts_in_order_if_no_earlier_step_comes_after_it_and_ties_are_in_order() -> None:
    tie = [("10:00:00", name) for name in ("Purchase", "AddToCart", "ViewContent", "Search")]
    backwards = [
        ("10:00:00", "Purchase"),
        ("10:00:01", "AddToCart"),
        ("10:00:02", "ViewContent"),
        ("10:00:03", "Search"),
    ]
    events = [*steps("tied", *tie), *steps("backwards", *backwards), *steps("other", ("10:00:00", "Sign up"))]
    assert funnel_of(events) == [
        (1, "Search", 2, 2, None),
        (2, "ViewContent", 1, 2, 0.0),
        (3, "AddToCart", 1, 2, 0.0),
        (4, "Purchase", 1, 2, 0.0),
    ]


def test_each_step_is_taken_at_the_earliest_possible_and_the_median_is_of_the_middle_two() -> None:
    """Ann views before she searches: what counts is the view 10 seconds after. Her second search changes nothing."""
    ann = [("09:00:00", "ViewContent"), ("10:00:00", "Search"), ("10:00:10", "ViewContent"), ("10:00:20", "Search")]
    bob = [("10:00:00", "Search"), ("10:00:20.000001", "ViewContent"), ("10:01:00", "AddToCart")]
    eve = [("10:00:00", "Search"), ("10:50:00", "ViewContent"), ("10:51:40", "AddToCart"), ("10:51:41", "Purchase")]
    dan = [("10:00:00", "Search"), ("10:00:05", "ViewContent")]
    events = [*steps("ann", *ann), *steps("bob", *bob), *steps("eve", *eve), *steps("dan", *dan)]
    assert funnel_of(events) == [
        (1, "Search", 4, 4, None),
        (2, "ViewContent", 4, 4, 15.0000005),
        (3, "AddToCart", 2, 2, 69.9999995),
        (4, "Purchase", 1, 1, 1.0),
    ]


def test_the_funnel_of_a_day_knows_nothing_of_the_day_before() -> None:
    search = CleanEvent(event_time=at(MONDAY - DAY, "23:59:00"), event_name="Search")
    assert funnel_of([search, *steps("ann", ("00:00:00", "ViewContent"))]) == [
        (1, "Search", 0, 0, None),
        (2, "ViewContent", 0, 1, None),
        (3, "AddToCart", 0, 0, None),
        (4, "Purchase", 0, 0, None),
    ]


def figures_of_users(*users: str) -> DayFigures:
    return figures_of(
        CleanEvent(event_time=at(MONDAY, "10:00:00"), user_id=user, click_id=str(number))
        for number, user in enumerate(users)
    )


def test_the_fingerprint_tells_sets_of_users_apart_and_nothing_else() -> None:
    some = figures_of_users("ann", "bob")
    assert (some.events, some.users, some.session_rows) == (2, 2, 2)
    assert figures_of_users("bob", "ann", "ann").users_fingerprint == some.users_fingerprint
    assert figures_of_users("ann", "eve").users_fingerprint != some.users_fingerprint
    assert figures_of_users() == DayFigures()


def test_a_day_without_bots_has_the_users_and_sessions_with_an_event_of_no_bot() -> None:
    def event(clock: str, name: str = "Search", *, user: str = "ann", is_bot: bool = False) -> CleanEvent:
        click_id = f"{user} {clock} {name}"
        return CleanEvent(event_time=at(MONDAY, clock), user_id=user, click_id=click_id, event_name=name, is_bot=is_bot)

    sessions = figures_of(
        [
            event("10:00:00", user="bot", is_bot=True),
            event("10:01:00", "Purchase", user="bot", is_bot=True),
            # A bot in an hour only: the purchase is the bot's, the session the person's too.
            event("10:00:00", "Purchase", is_bot=True),
            event("10:01:00"),
            event("12:00:00", "Purchase"),
        ]
    ).sessions
    assert (sessions.sessions, sessions.converted_sessions) == (3, 3)
    assert (sessions.users_without_bots, sessions.sessions_without_bots) == (1, 2)
    assert sessions.converted_sessions_without_bots == 1


#: A few users at few times, so that many of their events are ties, or lie half an hour apart.
EVENT = st.builds(
    CleanEvent,
    event_time=st.integers(0, 191).map(lambda step: at(MONDAY - DAY, "12:00:00") + step * 15 * MINUTE),
    user_id=st.sampled_from(["ann", "bob", "eve", "dan", "zoë"]),
    click_id=st.sampled_from(["1", "2", "3"]),
    anonymous_id=st.sampled_from(["phone", "bob", None]),
    event_name=st.sampled_from(FUNNEL_EVENTS),
    product_id=st.sampled_from(["p", "q", "r", None]),
    price=st.sampled_from([None, Decimal("0.10"), Decimal("2.50")]),
    is_bot=st.booleans(),
)


def test_an_event_of_the_day_after_says_of_a_session_that_it_is_a_persons_and_who_bought() -> None:
    evening = CleanEvent(event_time=at(MONDAY, "23:50:00"), is_bot=True)
    bought = CleanEvent(event_time=at(TUESDAY, "00:20:00"), event_name="Purchase")
    found = figures_of([evening, bought]).sessions
    assert (found.sessions_without_bots, found.converted_sessions_without_bots) == (1, 1)


@settings(max_examples=40)
@given(events=st.lists(EVENT, max_size=60))
def test_of_the_days_beside_only_sessions_over_a_midnight_matter(events: list[CleanEvent]) -> None:
    """A day is the same beside days of which all events are looked at, since they are computed as well."""
    alone, together = day_tables(events, MONDAY), day_tables(events, MONDAY - DAY, MONDAY, TUESDAY)
    for table, query in stored_rows().items():
        columns = [column.name for column in table.columns]
        day = columns.index("session_start" if table is SESSIONS else "day")
        of_monday = [row for row in rows_of(together, query, *columns) if str(row[day]).startswith(str(MONDAY))]
        assert rows_of(alone, query, *columns) == of_monday, table.name
    for query in (queries.FIGURES, queries.ID_HASHES, queries.DURATIONS, TRANSITIONS):
        columns = [name for name, *_ in alone.execute(query).description]
        of_monday = [row for row in rows_of(together, query, *columns) if row[0] == day_number(MONDAY)]
        assert rows_of(alone, query, *columns) == of_monday
