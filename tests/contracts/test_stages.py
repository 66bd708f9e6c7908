"""A stage needs nothing but its declaration: feeding, versions and staleness follow from it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ledger import DayRow
from contracts.partitions import DAY, HOUR, PartitionKeyError
from contracts.stages import DAYS, EVENT_HOURS, LATER_STAGES, STAGES, WEEKS, Stage, WeekRow
from contracts.staleness import due_keys, is_settled, key_to_await, stale_keys

MONDAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def day_row(day: date, version: str = "v1", *, failed: int = 0) -> DayRow:
    counts = {"events": 2, "users": 1, "sessions": 1, "failed_checks": failed}
    return DayRow(day=day, input_version=version, events_version=version, users_fingerprint="", **counts)


def week_row(version: str, *, events: int) -> WeekRow:
    return WeekRow(week=MONDAY, input_version=version, events=events, users=1, sessions=1)


def test_every_later_stage_is_computed_from_event_hours_or_from_a_stage_before_it() -> None:
    known: list[Stage[Any, Any]] = [EVENT_HOURS]
    for stage in LATER_STAGES:
        assert stage.source in known
        known.append(stage)
    assert len({stage.name for stage in STAGES}) == len(STAGES)


def test_a_week_is_named_by_its_monday_and_by_no_other_day() -> None:
    assert WEEKS.parse("2026-11-23") == WEEKS.at(MONDAY + 6 * DAY) == MONDAY
    with pytest.raises(PartitionKeyError, match=r"'2027-01-03' is no Monday; .* here 2026-12-28"):
        WEEKS.parse("2027-01-03")


@given(st.integers(-400, 400), st.integers(1, 40))
def test_a_week_is_fed_by_its_days_and_these_feed_it_alone(days: int, length: int) -> None:
    start, end = MONDAY, MONDAY + length * DAY
    week = WEEKS.at(MONDAY + days * DAY)
    assert WEEKS.feeding(week, week) == (week, week + 7 * DAY)
    first, fed_end = WEEKS.fed_by(start, end)
    assert (first <= week < fed_end) == (week < end and start < week + 7 * DAY)


def test_what_a_landing_hour_can_feed_is_found_through_every_stage_between() -> None:
    first, end = DAYS.fed_by_landing(NOON, NOON + HOUR)
    assert WEEKS.fed_by_landing(NOON, NOON + HOUR) == (WEEKS.at(first), WEEKS.at(end - DAY) + 7 * DAY)


def test_a_week_is_stale_when_one_of_its_days_is_another_and_held_back_by_a_failed_check_of_one() -> None:
    days = [day_row(MONDAY + number * DAY) for number in range(-1, 8)]
    current = WEEKS.inputs([MONDAY], days)[MONDAY]
    assert current.rows == 14
    row = week_row(current.input_version, events=14)
    assert stale_keys(WEEKS.inputs([MONDAY], [*days[:-1], day_row(MONDAY + 7 * DAY, "v2")]), [row]) == []
    changed = WEEKS.inputs([MONDAY], [*days[:7], day_row(MONDAY + 6 * DAY, "v2", failed=1)])
    assert stale_keys(changed, [row]) == [MONDAY]
    assert due_keys(changed, [row]) == []


def test_a_week_awaits_its_own_end_and_that_is_settled_with_its_last_landing_hour() -> None:
    current = WEEKS.inputs([MONDAY], [day_row(MONDAY)])[MONDAY]
    assert key_to_await(WEEKS, current, None) == MONDAY
    row = week_row("older", events=2)
    assert key_to_await(WEEKS, current, row) == MONDAY
    assert key_to_await(WEEKS, current, replace(row, events=1)) is None
    settled = dict.fromkeys(EVENT_HOURS.between(EVENT_HOURS.at(MONDAY), EVENT_HOURS.at(MONDAY + 7 * DAY)), True)
    assert is_settled(WEEKS, MONDAY, settled)
    assert not is_settled(WEEKS, MONDAY, {**settled, EVENT_HOURS.at(MONDAY + 6 * DAY): False})
