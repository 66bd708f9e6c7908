"""Rules of what is stale, and what is settled, by rows of the ledgers alone."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.ledger import UNFINISHED, DayRow, EventRow, LandedHour
from contracts.partitions import DAY, HOUR, hours_between
from contracts.stages import DAYS, EVENT_HOURS, Input
from contracts.staleness import due_keys, is_settled, key_to_await, stale_keys
from contracts.versions import day_events_version, day_input_version

MONDAY = date(2026, 11, 23)
TUESDAY = MONDAY + DAY
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event_row(hour: datetime, version: str = "v1", clean: int = 1) -> EventRow:
    return EventRow(event_hour=hour, input_version=version, received=clean, clean=clean, duplicates=0)


def day_row(day: date, version: str = "", fingerprint: str = "", users: int = 1) -> DayRow:
    return DayRow(
        day=day,
        input_version=version,
        events_version="",
        events=users,
        users=users,
        sessions=users,
        users_fingerprint=fingerprint,
    )


def made(inputs: Iterable[Input[date]]) -> list[DayRow]:
    return [day_row(current.key, current.input_version) for current in inputs]


def landed(hours: Iterable[datetime], *, settled: bool = True) -> dict[datetime, bool]:
    return dict.fromkeys(hours, settled)


@pytest.mark.parametrize(
    ("hour", "stale"),
    [
        pytest.param(datetime(2026, 11, 21, 23, tzinfo=UTC), False, id="two-days-before"),
        pytest.param(datetime(2026, 11, 22, 0, tzinfo=UTC), True, id="day-before"),
        pytest.param(datetime(2026, 11, 24, 23, tzinfo=UTC), True, id="day-after"),
        pytest.param(datetime(2026, 11, 25, 0, tzinfo=UTC), False, id="two-days-after"),
    ],
)
def test_a_day_is_stale_when_an_event_hour_of_the_three_days_around_it_changed(hour: datetime, stale: bool) -> None:
    before = [event_row(NOON), event_row(hour)]
    rows = made(DAYS.inputs([MONDAY], before, []).values())
    assert stale_keys(DAYS.inputs([MONDAY], before, []), rows) == []
    after = [event_row(NOON), event_row(hour, "v2")]
    assert stale_keys(DAYS.inputs([MONDAY], after, []), rows) == [MONDAY] * stale


@pytest.mark.parametrize(
    ("days_before", "stale"),
    [pytest.param(0, False, id="its-own"), (1, True), (120, True), pytest.param(121, False, id="too-long-ago")],
)
def test_a_day_is_stale_when_the_users_of_one_of_the_120_days_before_changed(days_before: int, stale: bool) -> None:
    other = MONDAY - days_before * DAY
    was = DAYS.inputs([MONDAY], [event_row(NOON)], [day_row(other, fingerprint="ann")])
    now = DAYS.inputs([MONDAY], [event_row(NOON)], [day_row(other, fingerprint="ann and bob")])
    assert stale_keys(now, made(was.values())) == [MONDAY] * stale


def test_the_rows_may_come_in_any_order() -> None:
    hours = [event_row(NOON + number * HOUR) for number in range(3)]
    days = [day_row(MONDAY - number * DAY, fingerprint=str(number)) for number in (1, 2, 3)]
    version = day_events_version(MONDAY, hours)
    assert day_events_version(MONDAY, reversed(hours)) == version
    assert day_input_version(MONDAY, version, reversed(days)) == day_input_version(MONDAY, version, days)


def test_an_hour_or_a_day_that_became_empty_is_like_one_that_never_was() -> None:
    full = DAYS.inputs([MONDAY], [event_row(NOON)], [])
    emptied = DAYS.inputs(
        [MONDAY], [event_row(NOON), event_row(NOON + HOUR, clean=0)], [day_row(MONDAY - DAY, users=0)]
    )
    assert emptied == full


def test_a_day_is_stale_if_it_has_events_and_no_row_or_a_row_and_no_events_any_more() -> None:
    inputs = DAYS.inputs([MONDAY, TUESDAY], [event_row(NOON)], [])
    assert inputs[MONDAY].rows == 1
    assert stale_keys(inputs, []) == [MONDAY]
    emptied = DAYS.inputs([MONDAY, TUESDAY], [], [])
    assert stale_keys(emptied, made([inputs[MONDAY]])) == [MONDAY]


def test_a_failed_check_of_a_landing_hour_holds_back_what_would_be_made_from_it_and_nothing_else() -> None:
    hours = [NOON + number * HOUR for number in range(4)]
    on_time = [LandedHour(landing_hour=hour, input_version="v1", received_by_event_hour={hour: 1}) for hour in hours]
    failed = replace(on_time[1], failed_checks=1)
    inputs = EVENT_HOURS.inputs(hours, [on_time[0], failed, *on_time[2:]])
    assert stale_keys(inputs, []) == hours
    assert due_keys(inputs, []) == [hours[0], hours[3]], "hours[2] looks back into hours[1]"
    repaired = EVENT_HOURS.inputs(
        hours, [on_time[0], replace(failed, input_version="v2", failed_checks=0), *on_time[2:]]
    )
    assert due_keys(repaired, []) == hours


@pytest.mark.parametrize("days_away", [-1, 0, 1])
def test_a_failed_check_of_an_event_hour_holds_back_the_three_days_that_it_feeds(days_away: int) -> None:
    failed = replace(event_row(NOON + days_away * DAY), failed_checks=1)
    inputs = DAYS.inputs([MONDAY], [event_row(NOON, "v2"), failed], [])
    assert stale_keys(inputs, []) == [MONDAY]
    assert due_keys(inputs, []) == []
    assert due_keys(DAYS.inputs([MONDAY], [event_row(NOON), replace(failed, failed_checks=0)], []), []) == [MONDAY]


def test_a_failed_check_two_days_away_holds_nothing_back() -> None:
    inputs = DAYS.inputs([MONDAY], [event_row(NOON), replace(event_row(NOON + 2 * DAY), failed_checks=1)], [])
    assert due_keys(inputs, []) == [MONDAY]


def test_versions_do_not_depend_on_failed_checks() -> None:
    hour = LandedHour(landing_hour=NOON, input_version="v1", received_by_event_hour={NOON: 1})
    for rows in ([hour], [replace(hour, failed_checks=1)]):
        current = EVENT_HOURS.inputs([NOON], rows)[NOON]
        assert stale_keys({NOON: current}, [event_row(NOON, current.input_version)]) == []
    plain, failed = (DAYS.inputs([MONDAY], [replace(event_row(NOON), failed_checks=n)], [])[MONDAY] for n in (0, 1))
    assert plain.input_version == failed.input_version


def test_a_day_is_settled_when_each_of_its_landing_hours_is() -> None:
    hours = list(hours_between(NOON - DAY, NOON + DAY))
    assert is_settled(DAYS, MONDAY, landed(hours))
    assert not is_settled(DAYS, TUESDAY, landed(hours))
    assert not is_settled(DAYS, MONDAY, landed(hour for hour in hours if hour != NOON))
    assert not is_settled(DAYS, MONDAY, landed(hours) | landed([NOON], settled=False))


def test_hours_before_the_first_that_the_ledger_knows_do_not_keep_a_day_open() -> None:
    end_of_monday = NOON + timedelta(hours=12)
    assert is_settled(DAYS, MONDAY, landed(hours_between(NOON, end_of_monday)))
    assert is_settled(DAYS, MONDAY - DAY, landed([NOON]))
    assert not is_settled(DAYS, MONDAY, {})


def test_a_day_that_was_never_made_awaits_its_own_end() -> None:
    current = DAYS.inputs([MONDAY], [event_row(NOON)], [])[MONDAY]
    assert key_to_await(DAYS, current, None) == MONDAY


def test_a_day_that_only_the_hours_beside_it_made_stale_awaits_the_end_of_the_next() -> None:
    hours = [event_row(NOON), event_row(NOON + DAY)]
    current = DAYS.inputs([MONDAY], hours, [])[MONDAY]
    assert key_to_await(DAYS, current, day_row(MONDAY, "v1")) == TUESDAY


def test_a_day_whose_own_events_are_others_or_whose_run_died_awaits_nothing() -> None:
    current = DAYS.inputs([MONDAY], [event_row(NOON, clean=2)], [])[MONDAY]
    assert key_to_await(DAYS, current, day_row(MONDAY, "v1")) is None
    assert key_to_await(DAYS, current, day_row(MONDAY, UNFINISHED, users=2)) is None
