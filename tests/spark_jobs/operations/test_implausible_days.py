"""Days that no sound clock showed are counted, and named without end."""

from datetime import UTC, datetime, timedelta

from spark_jobs.operations.events_file import implausible_days

NOW = datetime(2026, 3, 2, 9, 58, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_events_before_2001_and_after_now_are_counted_by_day() -> None:
    landed = [
        {datetime(1970, 1, 1, tzinfo=UTC): 2, datetime(2001, 1, 1, tzinfo=UTC): 9},
        {datetime(1970, 1, 1, 5, tzinfo=UTC): 1, datetime(9998, 12, 31, 23, tzinfo=UTC): 4},
    ]
    found = implausible_days(landed, NOW)
    assert found.by_key() == {"1970-01-01": 3, "9998-12-31": 4}
    assert found.warning().startswith(
        "WARNING: events whose clock can't be right: 3 before 2001 (1970-01-01: 3) and 4 after now (9998-12-31: 4). "
    )


def test_a_clock_may_be_as_far_ahead_as_the_contract_allows() -> None:
    assert not implausible_days([{NOW.replace(minute=0) + HOUR: 1}], NOW)
    assert implausible_days([{NOW.replace(minute=0) + 2 * HOUR: 1}], NOW).by_key() == {"2026-03-02": 1}


def test_many_days_are_not_all_named() -> None:
    landed = [{datetime(1970, 1, day, tzinfo=UTC): 1 for day in range(1, 10)}]
    assert "1970-01-05: 1, and 4 more days)" in implausible_days(landed, NOW).warning()
