"""Which days are published, and which are left behind, follows from the ledgers and the raw objects."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from contracts import late_events
from contracts.data_checks import CheckResult, Severity
from contracts.ledger import UNFINISHED, DayRow, EventRow
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, hours_between
from contracts.stages import DAYS, EVENT_HOURS, WEEKS
from pipeline.lake_status import derived
from pipeline.lake_status.checks import DataCheckError, LedgerImbalanceError, NotInLedgerError
from pipeline.lake_status.derived import checked_rows, is_due, left_behind, publishable
from tests.plugins.pipeline.lake_status.fake_ledger import FakeLedger, FakeRaw, event_row, landed

LAKE = LakeLocation(raw_uri="s3://raw/raw", warehouse_uri="s3://w/warehouse", database="lake")
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
LATE_HOUR = MIDNIGHT - 2 * HOUR


def day_row(day: date, events: Iterable[EventRow]) -> DayRow:
    current = DAYS.inputs([day], events, [])[day]
    return DayRow(
        day=day,
        input_version=current.input_version,
        events_version=current.source_version,
        events=current.rows,
        users=1,
        sessions=1,
        users_fingerprint="ann",
    )


@pytest.fixture
def monday() -> FakeLedger:
    """Monday's 24 landing hours, each with an event and each made."""
    return FakeLedger(landed(hour) for hour in hours_between(MIDNIGHT - DAY, MIDNIGHT))


@pytest.fixture(autouse=True)
def lake(monkeypatch: pytest.MonkeyPatch, monday: FakeLedger) -> FakeLedger:
    use(monkeypatch, monday)
    return monday


def use(monkeypatch: pytest.MonkeyPatch, ledger: FakeLedger, raw: FakeRaw | None = None) -> None:
    monkeypatch.setattr(derived, "open_ledger", lambda _: ledger)
    monkeypatch.setattr(derived, "landed_between", (raw or FakeRaw()).landed_between)


def test_a_day_is_published_once_all_of_its_landing_hours_are_settled(lake: FakeLedger) -> None:
    assert publishable(LAKE, DAYS, {MONDAY}) == [MONDAY]

    lake.landed[-1] = replace(lake.landed[-1], settled=False)

    assert publishable(LAKE, DAYS, {MONDAY}) == []


def test_a_day_that_was_made_before_is_published_while_it_is_open(lake: FakeLedger) -> None:
    lake.landed[-1] = replace(lake.landed[-1], settled=False)
    lake.days = [day_row(MONDAY, lake.events[:12])]

    assert publishable(LAKE, DAYS, {MONDAY}) == [MONDAY]


def test_a_day_made_from_what_is_there_is_not_published(lake: FakeLedger) -> None:
    lake.days = [day_row(MONDAY, lake.events)]

    assert publishable(LAKE, DAYS, {MONDAY}) == []
    assert not is_due(LAKE, DAYS, MONDAY)


def test_a_day_waits_for_its_event_hours(lake: FakeLedger) -> None:
    del lake.events[-1]

    assert publishable(LAKE, DAYS, {MONDAY}) == []
    assert is_due(LAKE, DAYS, MONDAY)


def test_a_day_is_held_back_by_a_failed_check_of_its_event_hours(lake: FakeLedger) -> None:
    lake.events[3] = replace(lake.events[3], failed_checks=1)

    assert publishable(LAKE, DAYS, {MONDAY}) == []
    assert left_behind(LAKE, DAYS, MONDAY, TUESDAY) == []
    assert not is_due(LAKE, DAYS, MONDAY)


def test_a_day_waits_for_an_event_hour_that_is_held_back(lake: FakeLedger) -> None:
    lake.landed[-1] = replace(lake.landed[-1], failed_checks=1)
    del lake.events[-1]

    assert publishable(LAKE, DAYS, {MONDAY}) == []


def test_a_day_neither_waits_for_an_hour_that_is_deferred_nor_is_made_for_few_late_events(
    monkeypatch: pytest.MonkeyPatch, lake: FakeLedger
) -> None:
    monkeypatch.setattr(late_events, "WORTH", 20)
    lake.landed = [replace(row, received_by_event_hour={row.landing_hour: 100}) for row in lake.landed]
    lake.events = [replace(event_row(row, lake.landed), received=100, clean=100) for row in lake.landed]
    late = landed(MIDNIGHT)
    lake.landed.append(replace(late, received_by_event_hour={MIDNIGHT - 5 * HOUR: 1}))
    assert publishable(LAKE, DAYS, {MONDAY}) == [MONDAY], "it lacks one event of an hour, as that is deferred"
    hours = derived.settling(LAKE, EVENT_HOURS, MIDNIGHT - DAY, MIDNIGHT)
    assert set(hours.deferred) == {MIDNIGHT - 5 * HOUR, MIDNIGHT - 4 * HOUR}
    assert hours.due_now() == []
    assert len(derived.settling(LAKE, EVENT_HOURS, MIDNIGHT - DAY, MIDNIGHT, defer=False).due_now()) == 2

    lake.days = [day_row(MONDAY, lake.events)]
    lake.events = [replace(event_row(row, lake.landed), received=100, clean=100) for row in lake.landed[:-1]]
    lake.events[19] = replace(lake.events[19], received=101, clean=101)
    assert publishable(LAKE, DAYS, {MONDAY}) == [], "one of 2401 events is few"
    assert is_due(LAKE, DAYS, MONDAY), "it is stale all the same"
    lake.events[19] = replace(lake.events[19], clean=300)
    assert publishable(LAKE, DAYS, {MONDAY}) == [MONDAY]


def test_only_the_days_asked_for_are_published() -> None:
    assert publishable(LAKE, DAYS, {MONDAY - DAY, TUESDAY}) == []
    assert publishable(LAKE, DAYS, set()) == []


def test_an_hour_in_which_nothing_landed_while_airflow_was_down_does_not_keep_its_day_open(
    monkeypatch: pytest.MonkeyPatch, lake: FakeLedger
) -> None:
    quiet = FakeLedger(row for row in [*lake.landed, landed(MIDNIGHT)] if row.landing_hour != LATE_HOUR)
    use(monkeypatch, quiet)
    assert publishable(LAKE, DAYS, {MONDAY}) == [MONDAY]

    use(monkeypatch, quiet, FakeRaw(LATE_HOUR))
    assert publishable(LAKE, DAYS, {MONDAY}) == []


def test_yesterday_is_left_to_the_day_after_while_that_is_open(
    monkeypatch: pytest.MonkeyPatch, lake: FakeLedger
) -> None:
    made = [day_row(MONDAY, lake.events)]
    tuesday = [landed(hour) for hour in hours_between(MIDNIGHT, MIDNIGHT + DAY)]
    use(monkeypatch, FakeLedger([*lake.landed, *tuesday[:10]], made))
    assert left_behind(LAKE, DAYS, MONDAY, TUESDAY + DAY) == []

    use(monkeypatch, FakeLedger([*lake.landed, *tuesday], made))
    assert left_behind(LAKE, DAYS, MONDAY, TUESDAY + DAY) == [MONDAY, TUESDAY]


def test_an_open_day_that_was_made_is_left_behind_once_its_event_hours_are_others(lake: FakeLedger) -> None:
    lake.landed[-1] = replace(lake.landed[-1], settled=False)
    lake.days = [day_row(MONDAY, lake.events[:12])]

    assert left_behind(LAKE, DAYS, MONDAY, TUESDAY) == [MONDAY]


def test_yesterday_is_left_behind_at_once_if_its_own_events_are_others_or_its_run_died(
    monkeypatch: pytest.MonkeyPatch, lake: FakeLedger
) -> None:
    tuesday = [landed(hour) for hour in hours_between(MIDNIGHT, MIDNIGHT + 10 * HOUR)]
    for row in (day_row(MONDAY, lake.events[:23]), replace(day_row(MONDAY, lake.events), input_version=UNFINISHED)):
        use(monkeypatch, FakeLedger([*lake.landed, *tuesday], [row]))
        assert left_behind(LAKE, DAYS, MONDAY, TUESDAY) == [MONDAY]


def test_a_day_that_was_never_made_is_left_behind(lake: FakeLedger) -> None:
    assert left_behind(LAKE, DAYS, MONDAY, TUESDAY) == [MONDAY]


def test_a_day_with_the_events_of_its_hours_passes(lake: FakeLedger) -> None:
    lake.days = [day_row(MONDAY, lake.events)]

    assert checked_rows(LAKE, DAYS, MONDAY) == lake.days
    assert checked_rows(LAKE, DAYS, TUESDAY) == []


def test_a_day_that_lost_events_fails(lake: FakeLedger) -> None:
    lake.days = [replace(day_row(MONDAY, lake.events), events=23)]

    with pytest.raises(LedgerImbalanceError, match=r"2026-11-23: 23 events, but the event hours .* have 24"):
        checked_rows(LAKE, DAYS, MONDAY)


@pytest.mark.parametrize("unfinished", [pytest.param(False, id="no-row"), pytest.param(True, id="unfinished-row")])
def test_a_day_with_events_needs_a_finished_row(lake: FakeLedger, *, unfinished: bool) -> None:
    lake.days = [replace(day_row(MONDAY, lake.events), input_version="unfinished")] if unfinished else []

    with pytest.raises(NotInLedgerError, match="24 clean events"):
        checked_rows(LAKE, DAYS, MONDAY)


def test_a_data_check_that_does_not_hold_stops_the_day(lake: FakeLedger) -> None:
    lake.days = [day_row(MONDAY, lake.events)]
    lake.results = [
        CheckResult(
            checked_from=MIDNIGHT - DAY,
            stage="day",
            check_name="events_lost",
            severity=Severity.FAIL,
            passed=False,
            observed=2,
            expected="exactly 0",
            detail="26 of the hours, 24 of the day",
            input_version=lake.days[0].input_version,
        )
    ]

    with pytest.raises(DataCheckError, match="day 2026-11-23: events_lost is 2, expected exactly 0"):
        checked_rows(LAKE, DAYS, MONDAY)


def test_a_stage_that_is_computed_from_days_is_published_by_its_declaration_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    week = [landed(hour) for hour in hours_between(MIDNIGHT - DAY, MIDNIGHT + 7 * DAY)]
    ledger = FakeLedger(week)
    use(monkeypatch, ledger)
    assert publishable(LAKE, WEEKS, {MONDAY}) == [], "no day was made yet"

    for day in DAYS.between(MONDAY, MONDAY + 8 * DAY):
        ledger.days.append(day_row(day, ledger.events))
        current = DAYS.inputs([day], ledger.events, ledger.days)[day]
        ledger.days[-1] = replace(ledger.days[-1], input_version=current.input_version)
    assert publishable(LAKE, WEEKS, {MONDAY}) == [MONDAY]
    assert left_behind(LAKE, WEEKS, MONDAY, MONDAY + 14 * DAY) == [MONDAY], "the next week is not over"

    ledger.events[30] = replace(ledger.events[30], input_version="older")
    assert publishable(LAKE, WEEKS, {MONDAY}) == [], "it waits for an event hour, through its day"
