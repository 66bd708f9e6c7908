"""Rules of what sessions do next: what a step is, which names are told apart, and what a day's rows add up to."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.partitions import DAY
from contracts.rules import PATH_EVENT_NAMES, PATH_STEPS
from contracts.tables import DAILY_TRANSITIONS
from spark_jobs.daily.daily_tables import transition_rows
from spark_jobs.daily.day_queries import FIGURES
from spark_jobs.daily.transition_queries import TRANSITIONS
from tests.spark_jobs.daily.clean_rows import CleanEvent, Row, at, day_tables
from tests.specification import clean_events as specified
from tests.specification.daily_transitions import daily_transitions

MONDAY = date(2026, 11, 23)
TUESDAY = MONDAY + DAY
TEN = at(MONDAY, "10:00:00")
COLUMNS = [column.name for column in DAILY_TRANSITIONS.columns]
START, END, OTHER = "(start)", "(end)", "(other)"


def walk(*names: str, user_id: str = "ann", begin: datetime = TEN) -> list[CleanEvent]:
    """Return a user's events, a minute apart."""
    return [
        CleanEvent(
            event_time=begin + number * timedelta(minutes=1),
            user_id=user_id,
            click_id=f"{begin} {number}",
            event_name=name,
        )
        for number, name in enumerate(names)
    ]


def transitions_of(events: Collection[CleanEvent], *days: date) -> list[Row]:
    """Return the rows of `daily_transitions`."""
    return sorted(transition_rows(day_tables(events, *days).execute(TRANSITIONS).to_arrow_table().to_pylist()))


def monday_of(*walks: list[CleanEvent]) -> list[Row]:
    """Return (step, from, to, sessions, transitions) of Monday."""
    return [row[1:] for row in transitions_of([event for own in walks for event in own], MONDAY)]


def test_a_session_goes_from_its_start_over_each_name_to_its_end() -> None:
    assert monday_of(walk("Search", "ViewContent"), walk("Search", user_id="bob")) == [
        (1, START, "Search", 2, 2),
        (2, "Search", END, 1, 1),
        (2, "Search", "ViewContent", 1, 1),
        (3, "ViewContent", END, 1, 1),
    ]


def test_an_event_of_the_same_name_stays_on_its_step_and_is_counted_there() -> None:
    assert monday_of(walk("Search", "ViewContent", "ViewContent", "ViewContent", "Search")) == [
        (1, START, "Search", 1, 1),
        (2, "Search", "ViewContent", 1, 1),
        (2, "ViewContent", "ViewContent", 1, 2),
        (3, "ViewContent", "Search", 1, 1),
        (4, "Search", END, 1, 1),
    ]


def test_all_later_steps_are_one_in_which_a_session_counts_once() -> None:
    names = ["Search", "ViewContent"] * 6
    later = [row for row in monday_of(walk(*names)) if row[0] >= PATH_STEPS]
    assert later == [
        (PATH_STEPS, "Search", "ViewContent", 1, 1),
        (PATH_STEPS + 1, "Search", "ViewContent", 1, 2),
        (PATH_STEPS + 1, "ViewContent", END, 1, 1),
        (PATH_STEPS + 1, "ViewContent", "Search", 1, 2),
    ]


def test_names_that_are_not_among_the_days_most_frequent_are_one_and_of_equals_the_later_in_order_goes() -> None:
    shown = [walk(f"{number:02}", user_id=f"{number}") for number in range(PATH_EVENT_NAMES)]
    rare = walk("20", "21", "00", user_id="eve")
    rows = monday_of(*shown, rare)
    assert (1, START, OTHER, 1, 1) in rows
    assert (1, OTHER, OTHER, 1, 1) in rows
    assert (2, OTHER, "00", 1, 1) in rows
    assert {row[2] for row in rows} == {*(f"{number:02}" for number in range(PATH_EVENT_NAMES)), OTHER, END}


def test_a_name_of_the_day_after_is_told_apart_only_if_it_is_one_of_the_sessions_day() -> None:
    over_midnight = walk("Search", "Tomorrow", "Search", begin=at(MONDAY, "23:59:30"))
    assert [row[:4] for row in transitions_of(over_midnight, MONDAY, TUESDAY)] == [
        (MONDAY, 1, START, "Search"),
        (MONDAY, 2, "Search", OTHER),
        (MONDAY, 3, OTHER, "Search"),
        (MONDAY, 4, "Search", END),
    ]


def test_an_event_that_is_named_like_a_word_of_the_table_is_one_of_the_others() -> None:
    assert monday_of(walk(START, END, "Search")) == [
        (1, OTHER, OTHER, 1, 1),
        (1, START, OTHER, 1, 1),
        (2, OTHER, "Search", 1, 1),
        (3, "Search", END, 1, 1),
    ]


def test_a_piece_that_was_cut_at_midnight_goes_nowhere() -> None:
    midnight = at(MONDAY, "00:00:00")
    machine = [
        CleanEvent(event_time=midnight + number * timedelta(minutes=30), click_id=str(number)) for number in range(50)
    ]
    assert transitions_of(machine, MONDAY, TUESDAY) == [
        (MONDAY, 1, START, "Search", 1, 1),
        (MONDAY, 1, "Search", "Search", 1, 47),
        (MONDAY, 2, "Search", END, 1, 1),
    ]


#: A few users with more names than are told apart, and names that are words of the table.
EVENTS = st.lists(
    st.builds(
        CleanEvent,
        event_time=st.integers(0, 143).map(lambda step: at(MONDAY - DAY, "12:00:00") + step * timedelta(minutes=15)),
        user_id=st.sampled_from(["ann", "bob", "eve"]),
        click_id=st.sampled_from(["1", "2", "3"]),
        event_name=st.sampled_from(["Search", "ViewContent"] * 6 + [f"custom {n}" for n in range(22)] + [START, OTHER]),
    ),
    max_size=120,
)


def specified_rows(events: Iterable[CleanEvent], *days: date) -> list[Row]:
    """Return the rows of the specification, which knows more of an event than matters here."""
    unknown = dict.fromkeys(
        ("time_on_data", "percent_viewed", "insertion_timestamp", "user_ip", "source_ip", "user_agent", "request_id")
    )
    clean = [
        specified.CleanEvent(
            **{**asdict(event), **unknown, "received_at": event.event_time}, extra=None, bot_reasons=()
        )
        for event in events
    ]
    rows = daily_transitions(clean)
    return sorted(tuple(getattr(row, name) for name in COLUMNS) for row in rows if row.day in days)


@settings(max_examples=20)
@given(events=EVENTS)
def test_the_rows_are_as_specified(events: list[CleanEvent]) -> None:
    days = (MONDAY - DAY, MONDAY)
    assert transitions_of(events, *days) == specified_rows(events, *days)


@settings(max_examples=30)
@given(events=EVENTS)
def test_as_many_sessions_start_as_end_as_the_day_has_and_what_comes_to_a_name_leaves_it(
    events: list[CleanEvent],
) -> None:
    figures = day_tables(events, MONDAY).execute(FIGURES).fetchall()
    sessions = {name: value for _, name, value in figures}.get("sessions", 0)
    rows = [row[1:] for row in transitions_of(events, MONDAY)]
    assert sum(count for step, before, _, count, _ in rows if before == START) == sessions
    assert sum(count for _, _, after, count, _ in rows if after == END) == sessions

    came, left = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    all_came, all_left = Counter[str](), Counter[str]()
    for step, before, after, count, times in rows:
        all_came[after] += times
        all_left[before] += times
        if before != after:
            came[step, after] += count
            left[step - 1, before] += count
    names = {name for _, *both, _, _ in rows for name in both} - {START, END}
    assert len(names) <= PATH_EVENT_NAMES + 1
    for name in names:
        assert all_came[name] == all_left[name]
        assert [came[step, name] for step in range(1, PATH_STEPS)] == [
            left[step, name] for step in range(1, PATH_STEPS)
        ]
