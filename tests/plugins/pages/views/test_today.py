"""The day's view: sums of its hours, with and without bots, beside the same hours a week before."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.partitions import hour_of
from contracts.tables import (
    DAILY_SOURCES,
    DAILY_TRAFFIC,
    EVENT_LEDGER,
    HOURLY_EVENT_COUNTS,
    HOURLY_TRAFFIC,
    LANDING_LEDGER,
)
from pages.panels import Bars, Figures, Note, Series, Table, View
from pages.selection import Selection
from pages.views import today
from tests.plugins.pages.conftest import SmallLake

FRIDAY = datetime(2026, 11, 27, tzinfo=UTC)
WEEK = timedelta(weeks=1)
HOUR = timedelta(hours=1)
Select = Callable[..., Selection]


def traffic(hour: datetime, events: int, bots: int, revenue: str = "0") -> dict[str, Any]:
    people = events - bots
    return {
        "event_hour": hour,
        "events": events,
        "sessions_started": events // 2,
        "purchases": events // 10,
        "revenue": Decimal(revenue),
        "refunds": 0,
        "refunded": Decimal(0),
        "purchases_in_other_currency": 0,
        "events_without_bots": people,
        "sessions_started_without_bots": people // 2,
        "purchases_without_bots": people // 10,
        "revenue_without_bots": Decimal(revenue),
        "refunds_without_bots": 0,
        "refunded_without_bots": Decimal(0),
        "purchases_in_other_currency_without_bots": 0,
    }


@pytest.fixture
def lake(small_lake: SmallLake) -> SmallLake:
    hours = [FRIDAY + 8 * HOUR, FRIDAY + 9 * HOUR]
    small_lake.put(HOURLY_TRAFFIC, traffic(hours[0], 100, 20, "50.00"), traffic(hours[1], 60, 0, "30.10"))
    small_lake.put(
        HOURLY_TRAFFIC,
        *(traffic(hour - WEEK, 50, 0, "10.00") for hour in hours),
        traffic(FRIDAY + 20 * HOUR - WEEK, 1000, 0, "999.00"),
    )
    small_lake.put(
        EVENT_LEDGER,
        *(
            {"event_hour": hour, "received": 110, "clean": 100, "duplicates": 10, "input_version": "1"}
            for hour in hours
        ),
    )
    return small_lake


def both_days_over(lake: SmallLake) -> None:
    for day, users, people, share in ((date(2026, 11, 27), 70, 68, 0.25), (date(2026, 11, 20), 60, 59, 0.5)):
        row = {"day": day, "users": users, "conversion": share, "users_without_bots": people}
        lake.put(DAILY_TRAFFIC, {**row, "conversion_without_bots": share + (0.05 if share < 0.5 else 0.1)})


def bots_of(view: View) -> list[Table]:
    return [panel for panel in view.panels if isinstance(panel, Table) and panel.id == "bots"]


def figures(view: View) -> dict[str, tuple[Any, Any]]:
    (panel,) = [panel for panel in view.panels if isinstance(panel, Figures)]
    return {figure.label: (figure.value, figure.before) for figure in panel.figures}


def test_the_open_day_is_compared_with_the_same_hours_of_the_week_before(lake: SmallLake, selection: Select) -> None:
    view = today.view(lake.now(), selection(bots="with"))
    assert figures(view)["Events"] == (160, 100)
    assert figures(view)["Revenue"] == (Decimal("80.10"), Decimal("20.00"))
    (note,) = [panel for panel in view.panels if isinstance(panel, Note)]
    assert "2 of its 24 hours are written, up to 10:00 UTC" in note.sentence


def test_an_open_hour_that_a_run_wrote_is_shown_as_of_then(small_lake: SmallLake, selection: Select) -> None:
    begin = datetime.now(UTC)
    hour = hour_of(begin)
    small_lake.put(HOURLY_TRAFFIC, traffic(hour, 100, 20))
    row = {"event_hour": hour, "received": 110, "clean": 100, "duplicates": 10, "input_version": "1"}
    small_lake.put(EVENT_LEDGER, row)
    view = today.view(small_lake.now(), selection(now=begin))
    assert begin - timedelta(milliseconds=1) < view.as_of <= datetime.now(UTC)
    (note,) = [panel for panel in view.panels if panel.id == "open"]
    assert isinstance(note, Note)
    assert f"1 of its 24 hours are written, up to {view.as_of:%H:%M} UTC" in note.sentence


@pytest.mark.parametrize(
    ("settled", "open_from"),
    [
        pytest.param([], FRIDAY, id="nothing-settled"),
        pytest.param([FRIDAY - HOUR], FRIDAY, id="the-day-before"),
        pytest.param([FRIDAY + 7 * HOUR, FRIDAY + 8 * HOUR], FRIDAY + 9 * HOUR, id="two-hours-of-it"),
    ],
)
def test_hours_of_the_open_day_are_provisional_after_the_last_settled_landing_hour(
    lake: SmallLake, selection: Select, settled: list[datetime], open_from: datetime
) -> None:
    if settled:
        lake.put(LANDING_LEDGER, *({"landing_hour": hour, "settled": True} for hour in settled))
    (hours,) = [panel for panel in today.view(lake.now(), selection()).panels if isinstance(panel, Series)]
    assert hours.provisional_from == open_from


def test_hours_of_a_day_that_is_over_are_not_provisional(lake: SmallLake, selection: Select) -> None:
    view = today.view(lake.now(), selection(now=FRIDAY + 30 * HOUR, day="2026-11-27"))
    (hours,) = [panel for panel in view.panels if isinstance(panel, Series)]
    assert hours.provisional_from is None


def test_a_day_that_is_over_is_compared_with_the_whole_day(lake: SmallLake, selection: Select) -> None:
    view = today.view(lake.now(), selection(now=FRIDAY + 30 * HOUR, day="2026-11-27", bots="with"))
    assert figures(view)["Events"] == (160, 1100)


def test_bots_are_left_out_unless_they_are_asked_for(lake: SmallLake, selection: Select) -> None:
    assert figures(today.view(lake.now(), selection()))["Events"] == (140, 100)
    assert figures(today.view(lake.now(), selection()))["Sessions"] == (70, 50)


def test_what_cannot_be_added_up_over_hours_is_unknown_until_the_day_is_over(
    lake: SmallLake, selection: Select
) -> None:
    assert figures(today.view(lake.now(), selection()))["Visitors"] == (None, None)
    both_days_over(lake)
    view = today.view(lake.now(), selection(now=FRIDAY + 30 * HOUR, day="2026-11-27", bots="with"))
    assert figures(view)["Visitors"] == (70, 60)
    assert figures(view)["Conversion"] == (0.25, 0.5)
    view = today.view(lake.now(), selection(now=FRIDAY + 30 * HOUR, day="2026-11-27"))
    assert figures(view)["Visitors"] == (68, 59)
    assert figures(view)["Conversion"] == (0.3, 0.6)


def test_a_day_stands_with_and_without_bots_beside_the_one_a_week_before(lake: SmallLake, selection: Select) -> None:
    both_days_over(lake)
    (table,) = bots_of(today.view(lake.now(), selection(now=FRIDAY + 30 * HOUR, day="2026-11-27")))
    week_before = (550, 110, Decimal("1019.00"))
    assert [column.label for column in table.columns][1:] == [
        *("visitors", "sessions", "purchases", "revenue", "conversion", "average order")
    ]
    assert [tuple(row) for row in table.rows] == [
        ("without bots", 68, 70, 14, Decimal("80.10"), 0.3, Decimal("5.72")),
        ("without bots, a week before", 59, *week_before, 0.6, Decimal("9.26")),
        ("with bots", 70, 80, 16, Decimal("80.10"), 0.25, Decimal("5.01")),
        ("with bots, a week before", 60, *week_before, 0.5, Decimal("9.26")),
    ]


def test_of_the_open_day_the_same_hours_stand_beside_each_other_both_ways(lake: SmallLake, selection: Select) -> None:
    both_days_over(lake)
    (table,) = bots_of(today.view(lake.now(), selection()))
    # Of a day of before, what is counted once a day is over has no part that could be compared.
    assert [tuple(row)[1:4] for row in table.rows if "before" in row[0]] == [(None, 50, 10), (None, 50, 10)]


def test_a_day_that_was_written_before_bots_were_left_out_says_so(lake: SmallLake, selection: Select) -> None:
    lake.put(DAILY_TRAFFIC, {"day": date(2026, 11, 27), "users": 70, "users_without_bots": None})
    view = today.view(lake.now(), selection(now=FRIDAY + 30 * HOUR, day="2026-11-27"))
    (totals,) = [panel for panel in view.panels if isinstance(panel, Figures)]
    assert (totals.figures[0].label, totals.figures[0].value) == ("Visitors", None)
    assert "reconcile_hours writes it again" in totals.figures[0].note


def test_the_average_order_counts_purchases_with_a_price_in_the_shops_currency(
    small_lake: SmallLake, selection: Select
) -> None:
    row = {
        **traffic(FRIDAY, 100, 0, "20.00"),
        "purchases_without_bots": 6,
        "purchases_without_price_without_bots": 2,
        "purchases_in_other_currency_without_bots": 1,
    }
    small_lake.put(HOURLY_TRAFFIC, row)
    assert figures(today.view(small_lake.now(), selection()))["Average order"] == (Decimal("6.67"), None)


def test_a_sum_that_is_not_known_in_every_hour_is_unknown(small_lake: SmallLake, selection: Select) -> None:
    old = {**traffic(FRIDAY, 10, 0), "refunded_without_bots": None}
    small_lake.put(HOURLY_TRAFFIC, old, traffic(FRIDAY + HOUR, 10, 0))
    assert figures(today.view(small_lake.now(), selection()))["Refunded"] == (None, None)


def test_an_hour_without_a_row_is_a_gap_and_not_a_zero(lake: SmallLake, selection: Select) -> None:
    view = today.view(lake.now(), selection(bots="with"))
    (chart,) = [panel for panel in view.panels if isinstance(panel, Series)]
    now, then = chart.lines
    assert list(now.values)[7:11] == [None, 100, 60, None]
    assert list(then.values)[7:11] == [None, 50, 50, None]
    assert then.values[20] == 1000
    assert len(chart.instants) == 24


def test_names_that_are_not_shown_are_one_bar_and_all_add_up(lake: SmallLake, selection: Select) -> None:
    rows = [
        {"event_hour": FRIDAY + 8 * HOUR, "event_name": f"name{number}", "events_without_bots": 100 - number}
        for number in range(20)
    ]
    lake.put(HOURLY_EVENT_COUNTS, *rows)
    view = today.view(lake.now(), selection())
    (names,) = [panel for panel in view.panels if isinstance(panel, Bars)]
    assert names.total == sum(100 - number for number in range(20))
    assert sum(bar.value or 0 for bar in names.bars) == names.total
    assert (names.bars[-1].label, names.bars[-1].rest) == ("12 others", True)


def test_sources_of_a_day_add_up_over_media(lake: SmallLake, selection: Select) -> None:
    day = date(2026, 11, 27)
    lake.put(
        DAILY_SOURCES,
        {"day": day, "source": "newsletter", "medium": "email", "sessions": 3},
        {"day": day, "source": "newsletter", "medium": "print", "sessions": 4},
        {"day": day, "source": "direct", "sessions": 5},
    )
    view = today.view(lake.now(), selection(now=FRIDAY + 30 * HOUR, day="2026-11-27"))
    (sources,) = [panel for panel in view.panels if panel.id == "sources"]
    assert isinstance(sources, Bars)
    assert [(bar.label, bar.value) for bar in sources.bars] == [("newsletter", 7), ("direct", 5)]
    assert sources.total == 12


def test_a_day_whose_ledger_does_not_balance_is_broken(lake: SmallLake, selection: Select) -> None:
    lake.put(EVENT_LEDGER, {"event_hour": FRIDAY + 8 * HOUR, "received": 9, "clean": 7, "duplicates": 1})
    (panel,) = [panel for panel in today.view(lake.now(), selection()).panels if isinstance(panel, Figures)]
    assert panel.trust is not None
    assert (panel.trust.state, panel.trust.sentence) == ("broken", "The ledger of 2026-11-27T08 does not balance.")


def test_before_anything_is_written_the_view_says_what_to_do(small_lake: SmallLake, selection: Select) -> None:
    (note,) = today.view(small_lake.now(), selection()).panels
    assert isinstance(note, Note)
    assert note.sentence == "The table hourly_traffic is not there yet: no run of aggregate_hour has written it."
    assert note.link is not None
    assert note.link.airflow == "/dags/aggregate_hour"
