"""Checks of hours that were really made: what stands in `data_checks` beside which version, and what it finds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.data_checks import DAY_CHECKS, EVENT_HOUR_CHECKS, LANDING_HOUR_CHECKS, VOLUME_WEEKS, WEEK
from contracts.event_settings import EventSettings
from contracts.ledger import LandingLedgerRow
from contracts.partitions import HOUR, start_of_day
from contracts.tables import CLEAN_EVENTS, DATA_CHECKS, RECEIVED_EVENTS
from spark_jobs.checks.check_hours import check_event_hours, check_landing_hours
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.hourly import aggregate_hours as job
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger
from spark_jobs.lake.revision import Revision
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from tests.spark_jobs.raw_lake import lay_down, line
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land
from tests.spark_jobs.table_rows import table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN = TEN + HOUR
SETTLED = LandingRules(settled_before=datetime(2100, 1, 1, tzinfo=UTC))


def found(lake: Lake, stage: str, hour: datetime = TEN) -> dict[str, dict[str, Any]]:
    names = [column.name for column in DATA_CHECKS.columns]
    rows = (dict(zip(names, row, strict=True)) for row in table_rows(lake, DATA_CHECKS))
    return {row["check_name"]: row for row in rows if (row["checked_from"], row["stage"]) == (hour, stage)}


def not_passed(checks: dict[str, dict[str, Any]]) -> list[str]:
    return sorted(name for name, row in checks.items() if not row["passed"])


@pytest.fixture
def lake(lake_with_tables: Lake) -> Lake:
    return lake_with_tables


def test_a_landing_hour_has_every_check_beside_its_ledger_row(lake: Lake) -> None:
    lay_down(lake, TEN, "a", (line(TEN + timedelta(minutes=2 * minute), str(minute)) for minute in range(30)))
    transform_landing_hours(lake, [TEN], SETTLED)
    checks = found(lake, "landing_hour")
    assert set(checks) == {check.name for check in LANDING_HOUR_CHECKS}
    (row,) = read_ledger(lake, LandingLedgerRow, TEN, ELEVEN)
    assert {check["input_version"] for check in checks.values()} == {row.input_version}
    assert checks["lines_lost"]["observed"] == 0
    assert checks["quiet_minutes"]["observed"] == 2
    assert checks["lines_of_usual"]["detail"] == "30; only 0 of 4 weeks before are known"
    assert not_passed(checks) == [
        f"null_share_{name}" for name in ("insertion_timestamp", "pixel_id", "price", "product_id")
    ]


def test_values_out_of_range_and_rejections_warn(lake: Lake) -> None:
    odd = {"percent_viewed": 250.5, "time_on_data": -3, "price": 7, "product_id": "p"}
    lay_down(lake, TEN, "a", [line(TEN, "1", additional_data=odd, pixel_id="x"), b"not json\n"])
    transform_landing_hours(lake, [TEN], SETTLED)
    checks = found(lake, "landing_hour")
    assert checks["percent_viewed_highest"]["detail"] == "percent_viewed 250.5"
    assert checks["time_on_data_lowest"]["observed"] == -3
    assert (checks["price_lowest"]["observed"], checks["price_highest"]["observed"]) == (7, 7)
    assert checks["rejected_share"]["detail"] == "1 of 2 lines"
    failed = not_passed(checks)
    assert failed == [
        "null_share_insertion_timestamp",
        "percent_viewed_highest",
        "quiet_minutes",
        "rejected_share",
        "time_on_data_lowest",
    ]
    assert {checks[name]["severity"] for name in failed} == {"warn"}


def test_an_object_under_another_hours_prefix_fails_the_hour(lake: Lake) -> None:
    lay_down(lake, TEN, "a", [line(TEN - timedelta(days=30), "1"), line(TEN + timedelta(days=4), "2")])
    (row,) = transform_landing_hours(lake, [TEN], SETTLED).written
    failed = {name for name, check in found(lake, "landing_hour").items() if not check["passed"]}
    assert {"first_arrival_seconds", "last_arrival_seconds"} <= failed
    assert row.failed_checks == 2


def test_rows_that_a_table_lacks_fail_the_hour(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    land(lake, [Landing(landing_hour=TEN, events=[ReceivedEvent(event_time=TEN, click_id="1")])])

    complete = Revision.replace

    def lossy(*arguments: Any, **others: Any) -> None:
        complete(*arguments, **others)
        lake.spark.sql(f"DELETE FROM {lake.name(CLEAN_EVENTS)}")

    monkeypatch.setattr(Revision, "replace", lossy)
    monkeypatch.setattr(Revision, "refuse_lost_rows", lambda *_, **__: None)
    aggregate_hours(lake, [TEN])
    checks = found(lake, "event_hour")
    assert not_passed(checks) == ["events_lost"]
    assert checks["events_lost"]["severity"] == "fail"
    assert checks["events_lost"]["detail"] == "1 received, 0 clean, 0 duplicates"


def test_a_click_id_of_the_hour_before_warns_in_the_later_hour(lake: Lake) -> None:
    events = [
        ReceivedEvent(event_time=TEN, click_id="again"),
        ReceivedEvent(event_time=TEN + timedelta(minutes=1), click_id="again"),
        ReceivedEvent(event_time=ELEVEN, click_id="again"),
        ReceivedEvent(event_time=ELEVEN, click_id="once"),
        ReceivedEvent(event_time=ELEVEN + 2 * HOUR, click_id="once"),
    ]
    land(lake, [Landing(landing_hour=TEN, events=events)])
    made = aggregate_hours(lake, [TEN, ELEVEN, ELEVEN + 2 * HOUR]).written
    assert [(row.clean, row.duplicates) for row in made] == [(1, 1), (2, 0), (1, 0)]
    together = [found(lake, "event_hour", row.event_hour)["click_ids_of_hour_before"] for row in made]
    assert [check["observed"] for check in together] == [0, 1, 0]
    aggregate_hours(lake, [ELEVEN], force=True)
    alone = found(lake, "event_hour", ELEVEN)
    assert alone["click_ids_of_hour_before"] == together[1]
    assert set(alone) == {check.name for check in EVENT_HOUR_CHECKS}
    assert not_passed(found(lake, "event_hour")) == ["duplicate_share"]


def test_volume_is_compared_with_the_same_hour_of_earlier_weeks(lake: Lake) -> None:
    weeks = [TEN - week * WEEK for week in range(VOLUME_WEEKS + 1)]
    for hour, events in zip(weeks, (9, 4, 3, 5, 4), strict=True):
        clicks = [ReceivedEvent(event_time=hour, click_id=str(number)) for number in range(events)]
        land(lake, [Landing(landing_hour=hour, events=clicks)])
    aggregate_hours(lake, weeks)
    now = found(lake, "event_hour")["events_of_usual"]
    assert (now["observed"], now["passed"], now["severity"]) == (2.25, False, "warn")
    assert now["detail"] == "9, usually 4 (median of 4 weeks)"
    earliest = found(lake, "event_hour", weeks[-1])["events_of_usual"]
    assert (earliest["observed"], earliest["passed"]) == (None, True)


def test_an_empty_hour_passes_and_says_that_there_was_nothing(lake: Lake) -> None:
    transform_landing_hours(lake, [TEN], SETTLED)
    checks = found(lake, "landing_hour")
    assert not_passed(checks) == []
    assert checks["rejected_share"]["detail"] == "0 of 0 lines"
    assert checks["quiet_minutes"]["detail"] == "no events"


def test_an_hour_with_only_bad_lines_balances_and_warns(lake: Lake) -> None:
    lay_down(lake, TEN, "a", [b"not json\n", b"{}\n"])
    transform_landing_hours(lake, [TEN], SETTLED)
    checks = found(lake, "landing_hour")
    assert not_passed(checks) == ["rejected_share"]
    assert checks["lines_lost"]["detail"] == "2 lines, 0 received, 2 rejected"
    assert table_rows(lake, RECEIVED_EVENTS) == []


def test_currencies_that_revenue_adds_up_or_leaves_out_warn(lake: Lake) -> None:
    events = [
        ReceivedEvent(event_time=TEN, click_id=code, event_name="Purchase", price=Decimal(9), currency=code)
        for code in ("EUR", "USD")
    ]
    land(lake, [Landing(landing_hour=TEN, events=events)])
    aggregate_hours(lake, [TEN])
    assert not_passed(found(lake, "event_hour")) == ["purchase_currencies"]
    shop = replace(lake, events=EventSettings(currency="EUR"))
    assert [row.event_hour for row in aggregate_hours(shop, [TEN]).written] == [TEN]
    checks = found(lake, "event_hour")
    assert not_passed(checks) == ["other_currency_share"]
    assert checks["other_currency_share"]["detail"] == "1 of 2 purchases with a price (1 EUR, 1 USD)"


def test_an_event_hour_that_lost_all_its_events_keeps_no_check_of_them(lake: Lake) -> None:
    landing = Landing(landing_hour=TEN, events=[ReceivedEvent(event_time=TEN, click_id="1", price=Decimal(1))])
    land(lake, [landing])
    aggregate_hours(lake, [TEN])
    land(lake, [replace(landing, version="v2", events=())])
    aggregate_hours(lake, [TEN])
    assert found(lake, "event_hour")["events_lost"]["detail"] == "0 received, 0 clean, 0 duplicates"


def test_stages_of_one_hour_neither_replace_nor_disturb_each_other(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A landing hour and the event hour of the same name are two runs' own, even at once."""
    lay_down(lake, TEN, "a", [line(TEN, "1")])
    transform_landing_hours(lake, [TEN], SETTLED)
    attempts: list[int] = []
    check = check_event_hours

    def beside_a_transform(*arguments: Any, **others: Any) -> Any:
        attempts.append(1)
        forced = replace(SETTLED, force=True)
        transform_landing_hours(lake, [TEN], forced)
        return check(*arguments, **others)

    monkeypatch.setattr(job, "check_event_hours", beside_a_transform)
    aggregate_hours(lake, [TEN])
    assert attempts == [1]
    assert len(found(lake, "landing_hour")) == len(LANDING_HOUR_CHECKS)
    assert len(found(lake, "event_hour")) == len(EVENT_HOUR_CHECKS)


def test_no_row_of_the_events_is_read(lake: Lake) -> None:
    """The data files may even be gone: manifests say all."""
    lay_down(lake, TEN, "a", [line(TEN, "1")])
    transform_landing_hours(lake, [TEN], SETTLED)
    before = found(lake, "landing_hour")
    (row,) = read_ledger(lake, LandingLedgerRow, TEN, ELEVEN)
    for path in _data_files(lake):
        path.unlink()
    check_landing_hours(Revision.of(lake, DATA_CHECKS), [row])
    assert found(lake, "landing_hour") == before


def test_a_day_has_every_check_beside_its_ledger_row_whoever_made_it_again(lake: Lake) -> None:
    events = [ReceivedEvent(event_time=TEN + number * HOUR, click_id=str(number)) for number in range(3)]
    land(lake, [Landing(landing_hour=TEN, events=events)])
    aggregate_hours(lake, [TEN + number * HOUR for number in range(3)])
    (row,) = aggregate_days(lake, [TEN.date()]).written
    checks = found(lake, "day", start_of_day(TEN.date()))
    assert set(checks) == {check.name for check in DAY_CHECKS}
    assert {check["input_version"] for check in checks.values()} == {row.input_version}
    assert checks["events_lost"]["detail"] == "3 clean in its hours, 3 in the day"
    assert checks["users_lost"]["detail"] == "1 users, 1 rows of user_days"
    assert checks["sessions_lost"]["detail"] == "3 sessions, 3 rows"
    assert not_passed(checks) == []


def test_ids_that_come_again_within_the_allowed_lateness_warn_and_days_that_are_refreshed_look_again(
    lake: Lake,
) -> None:
    """No hour has an id twice, as counters count on; seven days later they begin again, and eight days after that."""
    days = [TEN + number * timedelta(days=1) for number in (0, 1, 8, 16)]
    others, first = days[0], days[1]
    events = [
        ReceivedEvent(
            event_time=day + number % 3 * HOUR,
            click_id=f"a{number}" if day == others else str(number),
            user_id=f"{number}",
        )
        for day in days
        for number in range(30)
    ]
    landings = {
        day: Landing(landing_hour=day, events=[e for e in events if e.event_time.date() == day.date()]) for day in days
    }
    land(lake, list(landings.values()))
    aggregate_hours(lake, {event.event_hour for event in events})

    def aggregated(*wanted: datetime) -> tuple[list[date], list[date]]:
        done = aggregate_days(lake, [day.date() for day in wanted])
        return [row.day for row in done.written], [row.day for row in done.refreshed]

    def repeated() -> list[tuple[Any, ...]]:
        checks = [found(lake, "day", start_of_day(day.date()))["repeated_click_ids"] for day in days]
        return [(check["observed"], check["passed"], check["severity"], check["detail"]) for check in checks]

    # The days before are computed last: the later days look at them again.
    aggregated(*days[2:])
    assert [day.date() for day in days[2:]] == aggregated(others, first)[1]
    unique, again = (0, True, "warn", "0 of 30 events"), (1, False, "warn", "30 of 30 events")
    assert repeated() == [unique, unique, again, unique]
    version = found(lake, "day", start_of_day(days[-1].date()))["repeated_click_ids"]["input_version"]

    late = ReceivedEvent(event_time=TEN, click_id="a0 again", user_id="new")
    land(lake, [replace(landings[others], version="v2", events=[*landings[others].events, late])])
    aggregate_hours(lake, [TEN])
    written, refreshed = aggregated(others)
    assert (written, refreshed) == ([others.date(), first.date()], [day.date() for day in days[2:]])
    assert repeated() == [(0, True, "warn", "0 of 31 events"), unique, again, unique]
    assert found(lake, "day", start_of_day(days[-1].date()))["repeated_click_ids"]["input_version"] != version


def _data_files(lake: Lake) -> Iterator[Path]:
    return (Path(lake.warehouse_uri) / lake.database / RECEIVED_EVENTS.name / "data").rglob("*.parquet")
