"""What stands where there is nothing to show: why, what to do, and the DAG that does it."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from contracts.tables import (
    DAILY_TRAFFIC,
    HOURLY_TRAFFIC,
    LANDING_LEDGER,
    SCALING_DECISIONS,
    Table,
)
from pages.panels import Note, Tone
from pages.selection import Selection
from pages.views.notes import nothing
from tests.plugins.pages.conftest import NOW, SmallLake

TODAY = NOW.date()
DAY = timedelta(days=1)


def note_of(lake: SmallLake, table: Table, selection: Selection, first: date, last: date) -> Note:
    note = nothing(lake.now(), table, selection, first, last)
    assert (note.id, note.tone, note.title) == ("nothing", Tone.EMPTY, "Nothing to show")
    return note


@pytest.mark.parametrize(
    ("table", "dag", "how"),
    [
        pytest.param(LANDING_LEDGER, "transform_events", "trigger transform_events with the hour", id="landing-hours"),
        pytest.param(HOURLY_TRAFFIC, "aggregate_hour", "trigger aggregate_hour with the hour", id="event-hours"),
        pytest.param(DAILY_TRAFFIC, "aggregate_day", "trigger it with the day", id="days"),
        pytest.param(SCALING_DECISIONS, "scale_event_stream", "Unpause scale_event_stream", id="decisions"),
    ],
)
def test_a_table_that_is_not_there_names_the_dag_that_writes_it(
    small_lake: SmallLake, selection: Callable[..., Selection], table: Table, dag: str, how: str
) -> None:
    note = note_of(small_lake, table, selection(), TODAY, TODAY)
    assert note.sentence == f"The table {table.name} is not there yet: no run of {dag} has written it."
    assert note.remedy.startswith(f"It is written from {table.made_from}. ")
    assert how in note.remedy
    assert note.link is not None
    assert (note.link.text, note.link.airflow) == (dag, f"/dags/{dag}")


def test_days_without_rows_are_named_with_what_writes_them(
    small_lake: SmallLake, selection: Callable[..., Selection]
) -> None:
    small_lake.put(HOURLY_TRAFFIC, {"event_hour": NOW - 9 * DAY})
    note = note_of(small_lake, HOURLY_TRAFFIC, selection(), TODAY - 2 * DAY, TODAY)
    assert note.sentence == "The table hourly_traffic has no rows of 2026-11-25 to 2026-11-27."
    assert note.remedy.startswith("Choose other days. If there should be some: Unpause transform_events and ")
    assert "trigger aggregate_hour with the hour" in note.remedy


@pytest.mark.parametrize(("last", "is_open"), [(TODAY, True), (TODAY - DAY, False)], ids=["open", "over"])
def test_of_an_open_day_an_earlier_one_is_offered(
    small_lake: SmallLake, selection: Callable[..., Selection], last: date, is_open: bool
) -> None:
    small_lake.put(DAILY_TRAFFIC, {"day": TODAY - 9 * DAY})
    note = note_of(small_lake, DAILY_TRAFFIC, selection(), last, last)
    assert note.sentence == f"The table daily_traffic has no rows of {last}."
    earlier = "A day's tables are written when the day is over. Choose an earlier day."
    assert (note.remedy == earlier) is is_open
    assert note.remedy.startswith("Choose other days.") is not is_open
