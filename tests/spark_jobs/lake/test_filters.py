"""Rules of sets of hours, without Spark: ranges, notes, what a commit touched, what is stale, how often is retried."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ledger import EventRow, LandedHour
from contracts.partitions import HOUR, hours_between
from contracts.stages import EVENT_HOURS
from contracts.staleness import stale_keys
from spark_jobs.errors import BaseMovedError, ConflictError, DataFileError, InputChangedError
from spark_jobs.lake.filters import at_hours, hour_ranges, in_day_partitions, in_hour_partitions, in_ranges
from spark_jobs.lake.iceberg import Commit
from spark_jobs.lake.retries import retrying
from spark_jobs.lake.revision import REPLACED_HOURS, hours_note, noted_ranges, touches

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOURS = st.sets(st.integers(0, 60).map(lambda number: TEN + number * HOUR))


@given(hours=HOURS)
def test_ranges_and_notes_hold_exactly_the_hours(hours: set[datetime]) -> None:
    ranges = hour_ranges(hours)
    assert [hour for start, end in ranges for hour in hours_between(start, end)] == sorted(hours)
    assert all(end < start for (_, end), (start, _) in pairwise(ranges))
    assert noted_ranges(hours_note(hours)) == ranges


@given(ours=HOURS, theirs=HOURS)
def test_a_commit_touches_the_hours_that_it_noted_and_no_other(ours: set[datetime], theirs: set[datetime]) -> None:
    commit = Commit(snapshot_id=1, operation="overwrite", summary={REPLACED_HOURS: hours_note(theirs)})
    assert touches(commit, ours) == bool(ours & theirs)


def test_compaction_touches_nothing_and_a_commit_without_a_note_may_have_touched_anything() -> None:
    assert not touches(Commit(snapshot_id=1, operation="replace", summary={}), [TEN])
    assert touches(Commit(snapshot_id=1, operation="delete", summary={}), [TEN])


def test_a_filter_of_no_hours_holds_nowhere() -> None:
    empty = [in_hour_partitions("t", []), in_day_partitions("t", []), at_hours("t", [])]
    assert empty == ["false"] * 3


def test_a_filter_by_partition_names_each_partition_once() -> None:
    hours = [TEN, TEN, TEN + HOUR]
    assert in_hour_partitions("t", hours) == "glue.system.hours(t) IN (498706, 498707)"
    assert in_day_partitions("t", hours) == "glue.system.days(t) IN (DATE'2026-11-22')"


def landed(hour: datetime, version: str, **received: int) -> LandedHour:
    by_hour = {TEN + int(key.removeprefix("h")) * HOUR: rows for key, rows in received.items()}
    return LandedHour(landing_hour=hour, input_version=version, received_by_event_hour=by_hour)


def stored(hour: datetime, version: str) -> EventRow:
    return EventRow(event_hour=hour, input_version=version, received=1, clean=1, duplicates=0)


def test_the_input_of_an_hour_is_the_sum_of_its_landing_hours() -> None:
    inputs = EVENT_HOURS.inputs([TEN], [landed(TEN, "a", h0=2), landed(TEN + HOUR, "b", h0=3, h1=9)])
    assert inputs[TEN].rows == 5


def test_an_hour_is_stale_if_its_input_or_that_of_the_hour_before_changed() -> None:
    before = EVENT_HOURS.inputs([TEN, TEN + HOUR], [landed(TEN, "a", h0=1), landed(TEN + HOUR, "b", h1=1)])
    rows = [stored(hour, made_from.input_version) for hour, made_from in before.items()]
    assert stale_keys(before, rows) == []
    second = EVENT_HOURS.inputs([TEN, TEN + HOUR], [landed(TEN, "a", h0=1), landed(TEN + HOUR, "new", h1=1)])
    assert stale_keys(second, rows) == [TEN + HOUR]
    first = EVENT_HOURS.inputs([TEN, TEN + HOUR], [landed(TEN, "new", h0=1), landed(TEN + HOUR, "b", h1=1)])
    assert stale_keys(first, rows) == [TEN, TEN + HOUR]


def test_an_hour_that_never_had_an_event_is_not_stale_and_one_that_lost_its_events_is() -> None:
    inputs = EVENT_HOURS.inputs([TEN, TEN + HOUR], [landed(TEN, "a", h0=0)])
    assert stale_keys(inputs, [stored(TEN + HOUR, "made from events")]) == [TEN + HOUR]


def test_a_conflict_is_computed_again_after_growing_waits_until_it_succeeds() -> None:
    waits: list[float] = []
    outcomes = iter([InputChangedError("1"), BaseMovedError("2"), None])

    def compute() -> str:
        if error := next(outcomes):
            raise error
        return "done"

    assert retrying(compute, sleep=waits.append) == "done"
    assert [0.25 <= waits[0] <= 0.5, 0.5 <= waits[1] <= 1.0, len(waits)] == [True, True, 2]


def test_the_last_conflict_is_raised_and_another_error_at_once() -> None:
    tries: list[int] = []

    def lose() -> None:
        tries.append(1)
        raise InputChangedError("always")

    with pytest.raises(ConflictError, match="always"):
        retrying(lose, tries=3, sleep=lambda seconds: None)
    assert len(tries) == 3
    with pytest.raises(InputChangedError):
        retrying(lose, on=BaseMovedError, sleep=lambda seconds: None)
    assert len(tries) == 4


def test_a_file_that_went_while_it_was_read_is_read_no_more_and_one_that_is_gone_again_is_lost() -> None:
    lost = iter(["a.parquet", "b.parquet", None, "c.parquet", "c.parquet"])

    def compute() -> str:
        if location := next(lost):
            raise DataFileError.gone(location)
        return "done"

    assert retrying(compute, on=BaseMovedError, sleep=lambda seconds: None) == "done"
    with pytest.raises(DataFileError, match=r"c\.parquet is gone"):
        retrying(compute, sleep=lambda seconds: None)
    assert next(lost, "none") == "none"


@pytest.mark.parametrize(("took", "first", "third"), [(0.1, (0.25, 0.5), (1.0, 2.0)), (8.0, (2.0, 4.0), (8.0, 16.0))])
def test_who_computes_for_long_waits_for_longer_and_every_wait_is_bounded(
    took: float, first: tuple[float, float], third: tuple[float, float]
) -> None:
    waits: list[float] = []
    now = 0.0

    def lose() -> None:
        nonlocal now
        now += took
        raise BaseMovedError("always")

    with pytest.raises(BaseMovedError):
        retrying(lose, tries=12, sleep=waits.append, clock=lambda: now)
    assert first[0] <= waits[0] <= first[1]
    assert third[0] <= waits[2] <= third[1]
    assert 15.0 <= max(waits) <= 30.0


def ranges_in(condition: Any) -> list[tuple[str, str]]:
    """Return the ranges of a condition of `in_ranges`, in order."""
    if condition["type"] == "or":
        return ranges_in(condition["left"]) + ranges_in(condition["right"])
    return [(condition["left"]["value"], condition["right"]["value"])]


def depth(condition: Any) -> int:
    return 1 + max(depth(condition["left"]), depth(condition["right"])) if condition["type"] == "or" else 0


@given(hours=HOURS.filter(bool))
def test_a_condition_on_ranges_holds_each_of_them_and_is_not_nested_deeply(hours: set[datetime]) -> None:
    ranges = [(start.isoformat(), end.isoformat()) for start, end in hour_ranges(hours)]
    condition = in_ranges("event_hour", hours)
    assert ranges_in(condition) == ranges
    assert 2 ** depth(condition) < 2 * len(ranges)
