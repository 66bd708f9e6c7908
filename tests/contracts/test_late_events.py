"""Rules of what late events make stale: when it is made again by itself, and what is deferred until when."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.late_events import WORTH, Deferred, deferred_keys, deferred_text, last_daily_run
from contracts.ledger import UNFINISHED, DayRow, EventRow, LandedHour
from contracts.partitions import DAY, HOUR
from contracts.rules import ALLOWED_LATENESS
from contracts.stages import DAYS, EVENT_HOURS
from contracts.versions import event_hour_input_version, landed_since

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
TODAY = TEN.date()
ON_TIME = 2 * WORTH


def landed(hour: datetime, received: dict[datetime, int], version: str = "v1") -> LandedHour:
    return LandedHour(landing_hour=hour, input_version=version, received_by_event_hour=received)


def event_row(hour: datetime, rows: Iterable[LandedHour]) -> EventRow:
    given = list(rows)
    received = sum(row.received_by_event_hour.get(hour, 0) for row in given)
    version = event_hour_input_version(hour, given)
    return EventRow(event_hour=hour, input_version=version, received=received, clean=received, duplicates=0)


FIRST = [landed(TEN, {TEN: ON_TIME}), landed(TEN + HOUR, {TEN + HOUR: ON_TIME})]
ROWS = [event_row(TEN, FIRST), event_row(TEN + HOUR, FIRST)]


def deferred_hours(
    landed_rows: Sequence[LandedHour], settled_end: datetime, settings: EventSettings = DEFAULTS
) -> dict[datetime, Deferred]:
    inputs = EVENT_HOURS.inputs([row.event_hour for row in ROWS], landed_rows, settings=settings)
    return deferred_keys(EVENT_HOURS, inputs, ROWS, landed_rows, settled_end, settings)


def late(after: timedelta, rows: int) -> list[LandedHour]:
    """Return the landing hours with so many events of ten o'clock that came so much later."""
    return [*FIRST, landed(TEN + after, {TEN: rows})]


HOURS_LATER, DAYS_LATER = timedelta(hours=14), timedelta(days=3)
#: The first daily run after no event of the 22nd can come any more.
LAST = datetime(2026, 11, 30, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "rows", "settled", "deferred"),
    [
        pytest.param(HOURS_LATER, 3, TEN + 15 * HOUR, False, id="enough, hours late: at once"),
        pytest.param(HOURS_LATER, 1, TEN + 15 * HOUR, True, id="few, hours late"),
        pytest.param(HOURS_LATER, 1, TEN + DAY, True, id="few are not worth it in a daily run either"),
        pytest.param(DAYS_LATER, 3, TEN + DAYS_LATER + HOUR, True, id="enough, days late: not before the daily run"),
        pytest.param(DAYS_LATER, 3, datetime(2026, 11, 26, 2, tzinfo=UTC), False, id="enough, days late: then"),
        pytest.param(DAYS_LATER, 3, datetime(2026, 11, 26, 9, tzinfo=UTC), False, id="or later, if that was missed"),
        pytest.param(DAYS_LATER, 1, datetime(2026, 11, 29, 23, tzinfo=UTC), True, id="few, days late, a last day"),
        pytest.param(DAYS_LATER, 1, LAST - HOUR, True, id="few, before the last daily run"),
        pytest.param(DAYS_LATER, 1, LAST, False, id="few, at last"),
        pytest.param(ALLOWED_LATENESS + 20 * HOUR, 1, LAST + 5 * HOUR, True, id="delivered after that, by the next"),
        pytest.param(ALLOWED_LATENESS + 20 * HOUR, 1, LAST + DAY, False, id="delivered after that, then"),
    ],
)
def test_an_hour_is_made_again_by_what_it_lacks_and_how_late_that_came(
    after: timedelta, rows: int, settled: datetime, *, deferred: bool
) -> None:
    lacks = Deferred(lacking=rows, events=ON_TIME + rows)
    of_next = Deferred(lacking=0, events=ON_TIME)
    expected = {TEN: lacks, TEN + HOUR: of_next} if deferred else {}
    assert deferred_hours(late(after, rows), settled) == expected


def test_only_late_events_defer_an_hour() -> None:
    few = late(HOURS_LATER, 1)
    settled = TEN + 15 * HOUR
    assert set(deferred_hours(few, settled)) == {TEN, TEN + HOUR}
    repaired = [replace(few[0], input_version="v2"), *few[1:]]
    assert TEN not in deferred_hours(repaired, settled), "a landing hour that it has was transformed again"
    assert deferred_hours(few, settled, EventSettings(currency="EUR")) == {}, "it is counted by another rule"
    assert deferred_hours(FIRST, settled) == {}, "it is not stale"


def test_an_hour_that_was_never_made_is_not_deferred() -> None:
    rows = [landed(TEN, {TEN: 1})]
    assert deferred_keys(EVENT_HOURS, EVENT_HOURS.inputs([TEN], rows), [], rows, TEN + HOUR) == {}


def test_the_daily_run_is_that_of_half_past_two() -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    assert last_daily_run(midnight + 2 * HOUR) == midnight + 2 * HOUR
    assert last_daily_run(midnight + HOUR) == midnight - 22 * HOUR
    assert last_daily_run(midnight + 23 * HOUR) == midnight + 2 * HOUR


landings = st.lists(
    st.tuples(st.integers(0, 200), st.dictionaries(st.integers(-2, 1), st.integers(0, 3), max_size=3)),
    max_size=8,
    unique_by=lambda one: one[0],
)


@given(landings, st.integers(0, 200))
def test_what_a_version_lacks_since_when_is_found_from_the_version_alone(
    landed_hours: list[tuple[int, dict[int, int]]], since: int
) -> None:
    every = [landed(TEN + n * HOUR, {TEN + h * HOUR: of for h, of in fed.items()}) for n, fed in landed_hours]
    rows = [row for row in every if any(map(row.received_by_event_hour.get, EVENT_HOURS.read_by(TEN)))]
    had = [row for row in rows if row.landing_hour < TEN + since * HOUR]
    lacked = [row.landing_hour for row in rows if row not in had]
    assert landed_since(event_row(TEN, had), rows) == min(lacked, default=None)
    if had:
        repaired = [replace(rows[0], input_version="v2"), *rows[1:]]
        assert landed_since(event_row(TEN, [repaired[0], *had[1:]]), rows) is None


@given(landings, st.integers(0, 24 * 12))
def test_nothing_is_deferred_once_the_lateness_is_over_and_two_daily_runs_have_been(
    landed_hours: list[tuple[int, dict[int, int]]], made_until: int
) -> None:
    rows = [landed(TEN + n * HOUR, {TEN + h * HOUR: of for h, of in fed.items()}) for n, fed in landed_hours]
    stored = [event_row(TEN, (row for row in rows if row.landing_hour < TEN + made_until * HOUR))]
    settled = TEN + max(201 * HOUR, ALLOWED_LATENESS + DAY) + DAY
    assert deferred_keys(EVENT_HOURS, EVENT_HOURS.inputs([TEN], rows), stored, rows, settled) == {}


def day_row(events: list[EventRow], day: date = TODAY) -> DayRow:
    current = DAYS.inputs([day], events, [])[day]
    return DayRow(
        day=day,
        input_version=current.input_version,
        events_version=current.source_version,
        events=current.rows,
        users=1,
        sessions=1,
        users_fingerprint="",
    )


def hour_row(hour: datetime, clean: int, version: str = "v1") -> EventRow:
    return EventRow(event_hour=hour, input_version=version, received=clean, clean=clean, duplicates=0)


@pytest.mark.parametrize(
    ("lacking", "settled", "deferred"),
    [
        pytest.param(1, LAST, True, id="few, though its own hours are final"),
        pytest.param(1, LAST + DAY, False, id="few, once those of the day after are"),
        pytest.param(3, TEN + DAY, False, id="enough"),
        pytest.param(0, TEN + DAY, False, id="none: its neighbours' sessions reach into it"),
        pytest.param(-1, TEN + DAY, False, id="some went: an erasure"),
    ],
)
def test_a_day_is_made_again_by_what_it_lacks(lacking: int, settled: datetime, *, deferred: bool) -> None:
    before, after = [hour_row(TEN, ON_TIME)], [hour_row(TEN, ON_TIME + lacking, "v2")]
    inputs = DAYS.inputs([TODAY], after, [])
    lacks = Deferred(lacking=lacking, events=ON_TIME + lacking)
    assert deferred_keys(DAYS, inputs, [day_row(before)], after, settled) == ({TODAY: lacks} if deferred else {})


def test_a_day_of_other_rules_or_of_a_run_that_died_is_not_deferred() -> None:
    before, after = [hour_row(TEN, ON_TIME)], [hour_row(TEN, ON_TIME + 1, "v2")]
    row, inputs = day_row(before), DAYS.inputs([TODAY], after, [])
    assert deferred_keys(DAYS, inputs, [row], after, TEN + DAY)
    assert not deferred_keys(DAYS, inputs, [replace(row, input_version=UNFINISHED)], after, TEN + DAY)
    in_euro = DAYS.inputs([TODAY], after, [], EventSettings(currency="EUR"))
    assert not deferred_keys(DAYS, in_euro, [row], after, TEN + DAY)


def test_what_is_deferred_is_counted_and_the_hour_that_lacks_most_is_named() -> None:
    few = deferred_hours(late(HOURS_LATER, 1), TEN + 15 * HOUR)
    assert deferred_text(EVENT_HOURS, few) == (
        f"2 event hours, stale until they are worth being made again, or at last: they lack 1 of {2 * ON_TIME + 1} "
        f"events, most event hour 2026-11-22T10, 1 of {ON_TIME + 1}"
    )
