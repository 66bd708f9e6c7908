"""The specification's tables, by literal rows: one rule each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.specification.clean_events import CleanEvent, ReceivedEvent, clean_events, in_shop
from tests.specification.daily_funnel import daily_funnel
from tests.specification.daily_tables import daily_product_stats, daily_retention, daily_traffic
from tests.specification.hourly_tables import hourly_product_stats, hourly_traffic
from tests.specification.lake import lake
from tests.specification.ledgers import week_ledger
from tests.specification.raw_lines import RawLine
from tests.specification.sessions import sessions
from tests.specification.user_days import new_users, user_days, users_by_day
from tests.specification.weekly_tables import WeeklyTraffic, monday_of, weekly_traffic

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2026, 11, 22)
MICROSECOND, MINUTE, HOUR = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)


def event(
    at: datetime, name: str = "Search", *, user: str = "ann", product: str | None = None, price: str | None = None
) -> CleanEvent:
    return CleanEvent(
        event_time=at,
        received_at=at,
        user_id=user,
        click_id=f"{user} {at} {name}",
        event_name=name,
        pixel_id=None,
        product_id=product,
        price=None if price is None else Decimal(price),
        time_on_data=None,
        percent_viewed=None,
        insertion_timestamp=None,
        user_ip=None,
        source_ip=None,
        user_agent=None,
        request_id=None,
        extra=None,
        is_bot=False,
        bot_reasons=(),
    )


def weeks(clean: Sequence[CleanEvent]) -> list[WeeklyTraffic]:
    rows = weekly_traffic(clean, sessions(clean), users_by_day(user_days(clean)))
    return sorted(rows, key=lambda row: row.week)


def received(**values: object) -> ReceivedEvent:
    known = {name: value for name, value in vars(event(NOON)).items() if name not in ("is_bot", "bot_reasons")}
    return ReceivedEvent(
        **{**known, "click_id": "same", **values}, landing_hour=NOON, in_landing_hour=True, object_key="k"
    )


def winner(*copies: ReceivedEvent) -> CleanEvent:
    clean = clean_events(copies, lambda event: str(event.extra), lambda agent: agent == "crawler")
    assert len(clean) == 1
    return clean[0]


def test_of_copies_the_smallest_of_arrival_queueing_user_and_all_else_wins() -> None:
    first = received(user_id="zoe", received_at=NOON - MINUTE)
    assert winner(received(), first).user_id == "zoe"
    assert winner(received(user_id="zoe", insertion_timestamp=NOON), received()).user_id == "zoe"
    assert winner(received(user_id="zoe"), received()).user_id == "ann"
    assert winner(received(event_name="Search"), received(event_name="Buy")).event_name == "Buy"
    assert winner(received(), received(pixel_id="b", price=None), received(pixel_id="a", user_ip="z")).pixel_id == "a"
    assert str(winner(received(time_on_data=-0.0), received(time_on_data=0.0)).time_on_data) == "0.0"
    assert winner(received(extra="{2}"), received(extra="{1}"), received()).extra == "{1}"


def test_one_click_id_in_two_hours_is_two_events() -> None:
    later = received(event_time=NOON + HOUR)
    assert len(clean_events([received(), later], lambda _: "", lambda _: False)) == 2


def test_a_bot_is_a_crawler_or_a_user_with_more_than_a_thousand_events_in_an_hour() -> None:
    assert winner(received(user_agent="crawler")).bot_reasons == ("crawler_user_agent",)
    many = [received(click_id=str(number)) for number in range(1001)]
    assert {e.bot_reasons for e in clean_events(spread(many), lambda _: "", lambda _: False)} == {("rate",)}
    assert {e.is_bot for e in clean_events(spread(many[:1000]), lambda _: "", lambda _: False)} == {False}


def spread(events: list[ReceivedEvent]) -> list[ReceivedEvent]:
    """The events, the last a second after the others."""
    return [*events[:-1], replace(events[-1], event_time=NOON + timedelta(seconds=1))]


def test_a_bot_is_a_user_with_more_than_a_hundred_events_within_a_second_and_no_others_in_the_hour() -> None:
    many = [received(click_id=str(number)) for number in range(101)]
    assert {e.bot_reasons for e in clean_events(many, lambda _: "", lambda _: False)} == {("instant",)}
    assert {e.is_bot for e in clean_events(many, lambda _: "", lambda _: False)} == {True}
    for no_burst in (many[:100], spread(many)):
        assert {e.bot_reasons for e in clean_events(no_burst, lambda _: "", lambda _: False)} == {()}


def test_a_request_without_a_user_agent_is_named_and_no_bots_by_that() -> None:
    (known,) = clean_events([received(source_ip="a", request_id="r")], lambda _: "", lambda _: False)
    assert (known.bot_reasons, known.is_bot) == (("no_user_agent",), False)
    for unknown in ({"source_ip": "a"}, {"request_id": "r"}, {"source_ip": "a", "request_id": "r", "user_agent": "x"}):
        assert winner(received(**unknown)).bot_reasons == ()


@pytest.mark.parametrize(("gap", "starts"), [(30 * MINUTE, 1), (30 * MINUTE + MICROSECOND, 2)])
def test_a_gap_of_more_than_30_minutes_starts_a_session(gap: timedelta, starts: int) -> None:
    clean = [event(NOON), event(NOON + gap)]
    assert len(sessions(clean)) == sum(row.sessions_started for row in hourly_traffic(clean)) == starts


def test_a_session_has_its_counts_and_its_first_event_whichever_was_received_first() -> None:
    clean = [
        replace(event(NOON, "Purchase", price="2.50"), received_at=NOON + MINUTE),
        event(NOON, "ViewContent", product="p"),
    ]
    (session,) = sessions(clean)
    assert (session.landing_event_name, session.landing_product_id, session.events) == ("ViewContent", "p", 2)
    assert (session.views, session.purchases, session.revenue) == (1, 1, Decimal("2.50"))


def machine(first: timedelta, days: int = 1) -> list[CleanEvent]:
    """Events every 30 minutes for some days, from a time after midnight, and one more."""
    midnight = NOON - 12 * HOUR
    return [event(midnight + first + number * 30 * MINUTE) for number in range(days * 48 + 1)]


def test_a_day_without_a_gap_ends_the_session_and_the_next_piece_is_continued() -> None:
    pieces = sorted(sessions(machine(29 * MINUTE, days=2)), key=lambda session: session.session_start)
    assert [(piece.session_start.day, piece.continued, piece.events) for piece in pieces] == [
        (22, False, 48),
        (23, True, 48),
        (24, True, 1),
    ]


def test_a_day_that_begins_more_than_30_minutes_after_midnight_has_a_gap() -> None:
    first, *rest = machine(0 * MINUTE)
    late = [replace(e, event_time=e.event_time + 30 * MINUTE + MICROSECOND) for e in rest]
    assert [session.continued for session in sessions(late)] == [False]
    assert sorted(session.continued for session in sessions([first, *rest])) == [False, True]


def test_revenue_is_of_purchases_and_products_count_no_other_events() -> None:
    clean = [
        event(NOON, "Purchase", product="p", price="1.10"),
        event(NOON, "Purchase", user="bob", product="p"),
        event(NOON, "ViewContent", product="p", price="9.99"),
        event(NOON, "Search", product="q"),
    ]
    (traffic,), (product,) = hourly_traffic(clean), hourly_product_stats(clean)
    assert (traffic.revenue, traffic.purchases, traffic.purchases_without_price) == (Decimal("1.10"), 2, 1)
    assert (product.product_id, product.views, product.purchases, product.revenue) == ("p", 1, 2, Decimal("1.10"))


def test_refunds_stand_beside_revenue_and_take_none_of_it_away() -> None:
    clean = [
        event(NOON, "Purchase", product="p", price="5.00"),
        event(NOON + MINUTE, "Refund", product="p", price="2.00"),
        event(NOON + MINUTE, "Refund", user="bob", product="q", price="0.50"),
        event(NOON + MINUTE, "Refund", user="cleo"),
    ]
    days = daily_traffic(clean, sessions(clean), users_by_day(user_days(clean)))
    for (row,) in (hourly_traffic(clean), days, weeks(clean)):
        assert (row.revenue, row.refunds, row.refunded) == (Decimal("5.00"), 3, Decimal("2.50"))
    for products in (hourly_product_stats(clean), daily_product_stats(clean)):
        assert [(row.product_id, row.purchases, row.revenue, row.refunds, row.refunded) for row in products] == [
            ("p", 1, Decimal("5.00"), 1, Decimal("2.00")),
            ("q", 0, Decimal("0.00"), 1, Decimal("0.50")),
        ]


def test_what_is_paid_in_another_currency_than_the_shops_is_no_revenue_and_counted_apart() -> None:
    paid: list[tuple[str, str | None, str | None]] = [
        ("Purchase", "5.00", "EUR"),
        ("Purchase", "2.00", None),
        ("Purchase", "100.00", "USD"),
        ("Purchase", None, "USD"),
        ("Refund", "1.00", "EUR"),
        ("Refund", "50.00", "USD"),
    ]
    clean = [
        replace(event(NOON + number * MINUTE, name, product="p", price=price), currency=currency)
        for number, (name, price, currency) in enumerate(paid)
    ]
    for shops_currency, revenue, refunded, others, average in (
        (None, "107.00", "51.00", 0, "35.67"),
        ("EUR", "7.00", "1.00", 1, "3.50"),
        ("USD", "102.00", "50.00", 1, "51.00"),
    ):
        counted = in_shop(clean, shops_currency)
        (session,) = sessions(counted)
        (hour,), (week,) = hourly_traffic(counted), weeks(counted)
        (day,) = daily_traffic(counted, [session], users_by_day(user_days(counted)))
        for row in (hour, day, week):
            assert (row.purchases, row.revenue, row.purchases_in_other_currency) == (4, Decimal(revenue), others)
            assert (row.refunds, row.refunded) == (2, Decimal(refunded))
        assert hour.purchases_without_price == day.purchases_without_price == 1
        assert (session.revenue, day.average_order) == (Decimal(revenue), Decimal(average))
        (of_hour,), (of_day,) = hourly_product_stats(counted), daily_product_stats(counted)
        assert of_hour.revenue == of_day.revenue == Decimal(revenue)
        assert of_hour.refunded == of_day.refunded == Decimal(refunded)


def test_the_funnel_is_the_earliest_walk_and_its_median_the_mean_of_the_middle_two() -> None:
    clean = [
        event(NOON, "ViewContent"),
        event(NOON + MINUTE, "Search"),
        event(NOON + MINUTE, "AddToCart"),
        event(NOON + 2 * MINUTE, "ViewContent"),
        event(NOON, "Search", user="bob"),
        event(NOON, "ViewContent", user="bob"),
        event(NOON + MINUTE, "Purchase", user="bob"),
    ]
    rows = [(row.users_in_order, row.users_in_any_order, row.median_seconds) for row in daily_funnel(clean)]
    assert rows == [(2, 2, None), (2, 2, 30.0), (0, 1, None), (0, 1, None)]


@pytest.mark.parametrize(("days", "is_new"), [(90, False), (91, True)])
def test_who_was_not_there_for_90_days_is_new(days: int, is_new: bool) -> None:
    present = users_by_day(user_days([event(NOON), event(NOON + days * 24 * HOUR)]))
    assert bool(new_users(DAY + timedelta(days=days), present)) == is_new


def test_a_cohort_is_followed_for_30_days_on_days_with_events() -> None:
    clean = [event(NOON), *(event(NOON + days * 24 * HOUR, user="bob") for days in (30, 31))]
    rows = daily_retention(users_by_day(user_days([*clean, event(NOON + 30 * 24 * HOUR)])))
    assert sorted((row.age, row.day.isoformat(), row.cohort_users, row.active_users) for row in rows) == [
        (0, "2026-11-22", 1, 1),
        (0, "2026-12-22", 1, 1),
        (1, "2026-12-23", 1, 1),
        (30, "2026-12-22", 1, 1),
    ]


def test_a_day_counts_sessions_bounces_and_orders() -> None:
    clean = [
        event(NOON),
        event(NOON + HOUR, "Purchase", price="1.00"),
        event(NOON + HOUR + MINUTE, "Purchase", price="1.01"),
    ]
    (row,) = daily_traffic(clean, sessions(clean), users_by_day(user_days(clean)))
    assert (row.sessions, row.bounces, row.bounce_share, row.converted_sessions, row.conversion) == (2, 1, 0.5, 1, 0.5)
    assert (row.users, row.new_users, row.average_order) == (1, 1, Decimal("1.01"))


def test_a_day_without_bots_has_the_users_and_sessions_with_an_event_of_no_bot() -> None:
    def bot(at: datetime, name: str = "Search", user: str = "bot") -> CleanEvent:
        return replace(event(at, name, user=user), is_bot=True, bot_reasons=("rate",))

    clean = [
        *(bot(NOON), bot(NOON + MINUTE, "Purchase")),
        # One who is a bot in an hour only: the purchase is the bot's, the session the person's too.
        *(bot(NOON, "Purchase", user="ann"), event(NOON + MINUTE)),
        event(NOON + 2 * HOUR, "Purchase"),
        # A session that begins the day before is not this day's.
        *(event(NOON - 12 * HOUR - MINUTE, user="ben"), bot(NOON - 12 * HOUR, user="ben")),
    ]
    rows = {row.day: row for row in daily_traffic(clean, sessions(clean), users_by_day(user_days(clean)))}
    row, before = rows[DAY], rows[DAY - timedelta(days=1)]
    assert (row.users, row.users_without_bots) == (3, 1)
    assert (row.sessions, row.sessions_without_bots) == (3, 2)
    assert (row.converted_sessions, row.converted_sessions_without_bots, row.conversion_without_bots) == (3, 1, 0.5)
    assert (before.sessions_without_bots, before.conversion_without_bots) == (1, 0.0)


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        pytest.param(date(2026, 11, 22), date(2026, 11, 16), id="sunday"),
        pytest.param(date(2026, 11, 23), date(2026, 11, 23), id="monday"),
        pytest.param(date(2026, 12, 28), date(2026, 12, 28), id="before-a-years-end"),
        pytest.param(date(2027, 1, 3), date(2026, 12, 28), id="after-a-years-end"),
        pytest.param(date(2027, 1, 4), date(2027, 1, 4), id="the-new-years-first-whole-week"),
    ],
)
def test_a_week_is_named_by_its_monday(day: date, monday: date) -> None:
    assert monday_of(day) == monday


def test_a_week_over_a_years_end_is_one_week() -> None:
    ends = [datetime(2026, 12, 28, tzinfo=UTC), datetime(2027, 1, 3, 23, 59, 59, 999_999, tzinfo=UTC)]
    around = [ends[0] - MICROSECOND, ends[1] + MICROSECOND]
    rows = weeks([event(at, user=at.isoformat()) for at in (*ends, *around)])
    assert [(row.week, row.events) for row in rows] == [
        (date(2026, 12, 21), 1),
        (date(2026, 12, 28), 2),
        (date(2027, 1, 4), 1),
    ]


def test_a_user_on_sunday_and_monday_is_one_of_both_weeks_and_new_in_the_first() -> None:
    rows = weeks([event(NOON), event(NOON + 24 * HOUR), event(NOON + 26 * HOUR, user="bob")])
    assert [(row.users, row.new_users, row.returning_users) for row in rows] == [(1, 1, 0), (2, 1, 1)]


@pytest.mark.parametrize(("days", "new"), [(90, 0), (91, 1)])
def test_who_is_new_in_a_week_was_away_for_90_days_before_the_first_day_there(days: int, new: int) -> None:
    monday = NOON + 24 * HOUR
    rows = weeks([event(monday - days * 24 * HOUR), event(monday), event(monday + 24 * HOUR)])
    assert (rows[-1].users, rows[-1].new_users) == (1, new)


def test_a_weeks_new_users_are_those_of_its_days_added_up_and_its_users_are_not() -> None:
    monday = NOON + 24 * HOUR
    clean = [
        event(monday + days * 24 * HOUR, user=user)
        for user, days in [("ann", 0), ("ann", 2), ("ann", 6), ("bob", 3), ("cleo", 6)]
    ]
    days = daily_traffic(clean, sessions(clean), users_by_day(user_days(clean)))
    (week,) = weeks(clean)
    assert week.new_users == sum(day.new_users for day in days) == 3
    assert (week.users, sum(day.users for day in days)) == (3, 5)


def test_a_session_over_the_end_of_a_week_counts_in_the_first() -> None:
    midnight = NOON + 12 * HOUR
    rows = weeks([event(midnight - MINUTE), event(midnight, "Purchase", price="2.50")])
    assert [(row.sessions, row.converted_sessions, row.conversion) for row in rows] == [(1, 1, 1.0), (0, 0, None)]
    assert [(row.purchases, row.revenue) for row in rows] == [(0, Decimal("0.00")), (1, Decimal("2.50"))]


def test_a_week_counts_no_pieces_and_its_ledger_counts_them() -> None:
    clean = machine(0 * MINUTE)
    assert [(row.events, row.sessions) for row in weeks(clean)] == [(48, 1), (1, 0)]
    ledger = sorted(week_ledger(clean, sessions(clean)), key=lambda row: row.week)
    assert [(row.events, row.users, row.sessions) for row in ledger] == [(48, 1, 1), (1, 1, 1)]


def test_a_late_event_changes_the_week_in_which_it_happened() -> None:
    monday = NOON + 24 * HOUR
    in_time = [envelope(monday, landing_hour=monday), envelope(monday + 2 * HOUR, landing_hour=monday + 2 * HOUR)]
    late = envelope(NOON, landing_hour=monday + 2 * HOUR)
    assert [(row.week, row.events, row.new_users) for row in made_of(*in_time)] == [(monday.date(), 2, 1)]
    assert [(row.week, row.events, row.new_users) for row in made_of(*in_time, late)] == [
        (date(2026, 11, 16), 1, 1),
        (monday.date(), 2, 0),
    ]


def envelope(at: datetime, *, landing_hour: datetime) -> RawLine:
    event = f'{{"timestamp":"{at:%Y-%m-%d %H:%M:%S}","user_id":"u","click_id":"{at}","event_name":"Search"}}'
    line = f'{{"received_at":{int(landing_hour.timestamp()) * 1000},"event":{event}}}'
    return RawLine(landing_hour=landing_hour, object_key=f"{landing_hour:%H}", line=line.encode())


def made_of(*lines: RawLine) -> list[WeeklyTraffic]:
    rows = lake(lines, lambda _: "", lambda _: False).weekly_traffic
    return sorted(rows, key=lambda row: row.week)


def test_a_rejected_line_is_kept_byte_for_byte_but_for_addresses() -> None:
    line = b'{"source_ip": "203.0.113.77" ,"user_ip":"nobody", oops \xff'
    made = lake([RawLine(landing_hour=NOON, object_key="k", line=line)], lambda _: "", lambda _: False)
    assert [row.line for row in made.rejected_events] == [b'{"source_ip": "203.0.113.0" ,"user_ip":"", oops \xff']


def test_every_line_is_in_one_table_and_every_ledger_balances() -> None:
    good = b'{"received_at":1795348800000,"event":{"timestamp":"2026-11-22 12:00:00","user_id":"u","click_id":"%d",'
    lines = [good % (number % 2) + b'"event_name":"Search"}}' for number in range(3)] + [b"{"]
    made = lake(
        [RawLine(landing_hour=NOON, object_key="k", line=line) for line in lines], lambda _: "", lambda _: False
    )
    (landing,), (hour,), (day,), (week,) = made.landing_ledger, made.event_ledger, made.day_ledger, made.week_ledger
    assert (landing.lines, landing.received, landing.rejected_by_reason) == (4, 3, {"not_json": 1})
    assert landing.received_by_event_hour == {"2026-11-22T12": 3}
    assert (hour.received, hour.clean, hour.duplicates) == (3, 2, 1)
    assert (day.events, day.users, day.sessions) == (week.events, week.users, week.sessions) == (2, 1, 1)
