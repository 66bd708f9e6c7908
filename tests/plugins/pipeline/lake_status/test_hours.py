"""What a DAG is told of a lake's hours."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.data_checks import CheckResult, Severity
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hours_between
from contracts.stages import EVENT_HOURS, LANDING_HOURS, Stage
from contracts.versions import RawObject, landing_input_version
from pipeline.lake_status import derived, hours, reconcile
from pipeline.lake_status.checks import DataCheckError, LedgerImbalanceError, NotInLedgerError
from pipeline.lake_status.derived import checked_rows
from pipeline.lake_status.hours import (
    balanced_landing_rows,
    checked_landing_row,
    hours_with_rejections,
    hours_with_unreadable_objects,
    publishable_event_hours,
    stale_together_with,
)
from pipeline.lake_status.reconcile import stale_around
from tests.plugins.pipeline.lake_status.fake_ledger import FakeLedger, landed

LAKE = LakeLocation(raw_uri="s3://raw/raw", warehouse_uri="s3://w/warehouse", database="lake")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> FakeLedger:
    """Ten landing hours from ten on, each with an event of its own, each made."""
    ledger = FakeLedger(landed(hour) for hour in hours_between(TEN, TEN + 10 * HOUR))
    for module in (derived, hours):
        monkeypatch.setattr(module, "open_ledger", lambda _: ledger)
    return ledger


def failed(stage: Stage[Any, Any], hour: datetime, version: str) -> CheckResult:
    return CheckResult(
        checked_from=hour,
        stage=stage.name,
        check_name="events_lost",
        severity=Severity.FAIL,
        passed=False,
        observed=1,
        expected="exactly 0",
        detail="2 received, 1 clean",
        input_version=version,
    )


def test_an_hour_is_made_with_those_around_it_that_are_stale(lake: FakeLedger) -> None:
    lake.events = [row for row in lake.events if row.event_hour not in (TEN, TEN + HOUR, TEN + 9 * HOUR)]

    assert stale_together_with(LAKE, TEN) == [TEN, TEN + HOUR]
    assert stale_together_with(LAKE, TEN + 2 * HOUR) == [], "it is not stale itself"


def test_what_a_failed_check_holds_back_is_published_by_no_later_run_nor_reconciled(
    lake: FakeLedger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {row.landing_hour: [RawObject(key="a.gz", etag="e", size=1)] for row in lake.landed}
    version = landing_input_version(listed[TEN])
    monkeypatch.setattr(reconcile, "landed_between", lambda *_: listed)
    monkeypatch.setattr(derived, "landed_between", lambda *_: {})
    monkeypatch.setattr(reconcile, "open_ledger", lambda _: lake)
    lake.landed = [replace(row, input_version=version) for row in lake.landed]
    lake.landed[0] = replace(lake.landed[0], failed_checks=1)
    lake.events = []

    held_back = [TEN, TEN + HOUR]
    assert publishable_event_hours(LAKE, TEN + HOUR) == [TEN + 2 * HOUR]
    assert [stale_together_with(LAKE, hour) for hour in held_back] == [[], []]
    assert not set(held_back) & set(stale_together_with(LAKE, TEN + 2 * HOUR))
    around = stale_around(LAKE, TEN, TEN + 2 * HOUR, settled_end=TEN + 2 * HOUR)
    assert around.keys["landing_hour"] == ()
    assert not set(held_back) & set(around.keys["event_hour"])
    assert around.keys["event_hour"][:2] == (TEN + 2 * HOUR, TEN + 3 * HOUR)
    assert "held back by failed data checks" in capsys.readouterr().out


def test_an_hour_that_was_to_be_made_must_be_there_and_the_others_need_not(lake: FakeLedger) -> None:
    del lake.events[1]

    assert [row.event_hour for row in checked_rows(LAKE, EVENT_HOURS, TEN, [TEN + HOUR, TEN + 2 * HOUR])] == [
        TEN,
        TEN + 2 * HOUR,
    ]
    with pytest.raises(NotInLedgerError, match="2026-11-22T11"):
        checked_rows(LAKE, EVENT_HOURS, TEN + HOUR, [TEN])


def test_a_data_check_of_any_hour_that_was_made_stops_publication(lake: FakeLedger) -> None:
    eleven = lake.events[1]
    lake.results = [failed(EVENT_HOURS, eleven.event_hour, eleven.input_version)]

    with pytest.raises(DataCheckError, match="event hour 2026-11-22T11"):
        checked_rows(LAKE, EVENT_HOURS, TEN, [TEN + HOUR])
    assert checked_rows(LAKE, EVENT_HOURS, TEN) == lake.events[:1]


def test_a_data_check_of_a_landing_hour_stops_publication(lake: FakeLedger) -> None:
    lake.results = [failed(LANDING_HOURS, TEN + HOUR, "v1"), failed(LANDING_HOURS, TEN, "v0")]

    assert checked_landing_row(LAKE, TEN) == lake.landed[0], "what an earlier version was found to be says nothing"
    with pytest.raises(DataCheckError, match="landing hour 2026-11-22T11"):
        checked_landing_row(LAKE, TEN + HOUR)


def test_of_the_hours_that_a_run_transformed_each_must_be_there_and_balance(lake: FakeLedger) -> None:
    lake.landed[2] = replace(lake.landed[2], rejected=1)

    assert balanced_landing_rows(LAKE, []) == []
    assert balanced_landing_rows(LAKE, [TEN, TEN + HOUR]) == lake.landed[:2]
    with pytest.raises(LedgerImbalanceError, match="landing hour 2026-11-22T12: 1 lines"):
        balanced_landing_rows(LAKE, [TEN, TEN + 2 * HOUR])
    with pytest.raises(NotInLedgerError, match="2026-11-22T09"):
        balanced_landing_rows(LAKE, [TEN - HOUR])


def test_unreadable_objects_are_found_whatever_the_data_checks_say(lake: FakeLedger) -> None:
    lake.landed[1] = replace(lake.landed[1], unreadable_objects=1, failed_checks=1)
    lake.results = [failed(LANDING_HOURS, TEN + HOUR, "v1")]

    assert hours_with_unreadable_objects(LAKE, [TEN + HOUR, TEN]) == [TEN + HOUR]
    assert hours_with_unreadable_objects(LAKE, [TEN]) == []


def test_hours_with_rejections_are_found_within_the_bounds_that_are_given(lake: FakeLedger) -> None:
    rejected = {TEN + HOUR, TEN + 4 * HOUR}
    lake.landed = [replace(row, rejected=1) if row.landing_hour in rejected else row for row in lake.landed]

    assert hours_with_rejections(LAKE, None, None) == sorted(rejected)
    assert hours_with_rejections(LAKE, "2026-11-22T12", None) == [TEN + 4 * HOUR]
    assert hours_with_rejections(LAKE, None, "2026-11-22T11") == [TEN + HOUR]


def test_an_hour_that_rejected_nothing_but_an_unreadable_object_has_a_rejection(lake: FakeLedger) -> None:
    lake.landed[2] = replace(lake.landed[2], unreadable_objects=1)

    assert hours_with_rejections(LAKE, None, None) == [TEN + 2 * HOUR]
