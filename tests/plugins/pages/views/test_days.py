"""The views of whole days: paths, retention and products, each as its table has it, and adding up."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.tables import DAILY_PRODUCT_STATS, DAILY_RETENTION, DAILY_TRANSITIONS
from contracts.tables.daily import SESSION_END, SESSION_START
from pages.errors import QueryError
from pages.panels import Bars, HeatMap, Table, View
from pages.selection import Selection
from pages.views import paths, products, retention
from tests.plugins.pages.conftest import SmallLake

DAY = date(2026, 11, 26)
ONE = timedelta(days=1)
Select = Callable[..., Selection]


def panels(view: View) -> dict[str, Any]:
    return {panel.id: panel for panel in view.panels}


def bars(panel: Any) -> dict[str, Any]:
    assert isinstance(panel, Bars)
    return {bar.label: bar.value for bar in panel.bars}


def transition(step: int, start: str, end: str, times: int) -> dict[str, Any]:
    return {
        "day": DAY,
        "step": step,
        "from_event": start,
        "to_event": end,
        "sessions": times,
        "transitions": times,
    }


WAYS = (
    transition(1, SESSION_START, "Search", 7),
    transition(1, SESSION_START, "the session ends", 3),
    transition(2, "Search", "ViewContent", 4),
    transition(2, "Search", SESSION_END, 3),
    transition(2, "the session ends", SESSION_END, 3),
    transition(3, "ViewContent", SESSION_END, 4),
)


def test_what_comes_next_adds_up_even_if_an_event_is_called_like_the_end(
    small_lake: SmallLake, selection: Select
) -> None:
    small_lake.put(DAILY_TRANSITIONS, *WAYS)
    found = panels(paths.view(small_lake.now(), selection()))
    assert bars(found["after"]) == {"Search": 7, "the session ends": 3}
    assert "before" not in found
    ends = panels(paths.view(small_lake.now(), selection(event=SESSION_END)))["before"]
    assert bars(ends) == {"Search": 3, "ViewContent": 4, "the session ends": 3}
    assert ends.total == 10


def test_a_step_can_be_chosen_and_the_table_has_all_pairs(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(DAILY_TRANSITIONS, *WAYS)
    found = panels(paths.view(small_lake.now(), selection(event="Search", step="2")))
    assert bars(found["after"]) == {"ViewContent": 4, "the session ends": 3}
    assert found["before"].bars == []
    table = found["all"]
    assert isinstance(table, Table)
    assert [row[2] for row in table.rows] == [4, 3, 3]
    assert sum(row[3] for row in table.rows) == pytest.approx(1)


def test_pairs_that_are_not_shown_are_one_row(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(DAILY_TRANSITIONS, *(transition(1, SESSION_START, f"name{number}", 2) for number in range(60)))
    table = panels(paths.view(small_lake.now(), selection()))["all"]
    assert tuple(table.rows[-1])[:3] == ("all others", "10 pairs", 20)
    assert sum(row[2] for row in table.rows) == 120


def test_an_event_that_the_day_has_not_is_named(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(DAILY_TRANSITIONS, *WAYS)
    with pytest.raises(QueryError, match="event is 'Nothing', which is no choice"):
        paths.view(small_lake.now(), selection(event="Nothing"))


def cohort(cohort_day: date, age: int, users: int, active: int) -> dict[str, Any]:
    return {
        "day": cohort_day + age * ONE,
        "cohort_day": cohort_day,
        "age": age,
        "cohort_users": users,
        "active_users": active,
    }


def test_what_is_not_known_of_a_cohort_is_no_zero(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(
        DAILY_RETENTION,
        cohort(DAY - 2 * ONE, 0, 10, 10),
        cohort(DAY - 2 * ONE, 2, 10, 4),
        cohort(DAY - ONE, 0, 20, 20),
        cohort(DAY - ONE, 1, 20, 5),
        cohort(DAY, 0, 8, 8),
    )
    heat = panels(retention.view(small_lake.now(), selection()))["cohorts"]
    assert isinstance(heat, HeatMap)
    assert [(row.label, row.size, list(row.values)) for row in heat.rows] == [
        ("2026-11-26", 8, [1.0, None, None]),
        ("2026-11-25", 20, [1.0, 0.25, None]),
        # The day after it was written, and nobody of the cohort was there.
        ("2026-11-24", 10, [1.0, 0.0, 0.4]),
    ]


def test_a_week_of_cohorts_is_weighted_by_their_users(small_lake: SmallLake, selection: Select) -> None:
    monday = date(2026, 11, 16)
    rows = [cohort(monday, 0, 10, 10), cohort(monday + ONE, 0, 30, 30), cohort(monday, 7, 10, 5)]
    rows += [cohort(monday + ONE, 7, 30, 6), cohort(monday, 8, 10, 1)]
    small_lake.put(DAILY_RETENTION, *rows)
    heat = panels(retention.view(small_lake.now(), selection(by="weeks")))["cohorts"]
    (row,) = heat.rows
    assert (row.label, row.size) == ("week of 2026-11-16", 40)
    # Of the 10, 5 and 1 were there on the two days known; of the 30, 6 on the one.
    assert list(row.values) == [1.0, pytest.approx((5 + 1 + 6) / (10 + 10 + 30))]


def product(day: date, name: str, revenue: str, purchases: int = 1) -> dict[str, Any]:
    return {"day": day, "product_id": name, "revenue": Decimal(revenue), "purchases": purchases, "views": 10}


def test_products_are_summed_over_the_days_beside_as_many_before(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(
        DAILY_PRODUCT_STATS,
        product(DAY, "up", "30.00"),
        product(DAY - ONE, "up", "20.10"),
        product(DAY - 7 * ONE, "up", "10.00"),
        product(DAY - 7 * ONE, "gone", "5.00"),
        product(DAY, "same", "1.00"),
        product(DAY - 13 * ONE, "same", "1.00"),
        product(DAY - 14 * ONE, "same", "99.00"),
    )
    found = panels(products.view(small_lake.now(), selection()))
    assert bars(found["top"]) == {"up": Decimal("50.10"), "same": Decimal("1.00")}
    assert found["top"].total == Decimal("51.10")
    assert [bar.before for bar in found["top"].bars] == [Decimal("10.00"), Decimal("1.00")]
    assert bars(found["up"]) == {"up": Decimal("40.10")}
    assert [(bar.label, bar.value, bar.note) for bar in found["down"].bars] == [
        ("gone", Decimal("-5.00"), "nothing now")
    ]
    assert [row[0] for row in found["products"].rows] == ["up", "same", "gone"]


def test_products_are_ranked_by_what_is_chosen(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(DAILY_PRODUCT_STATS, product(DAY, "dear", "9.00", 1), product(DAY, "cheap", "1.00", 5))
    found = panels(products.view(small_lake.now(), selection(by="purchases", days="1")))
    assert bars(found["top"]) == {"cheap": 5, "dear": 1}
    assert found["top"].total == 6
