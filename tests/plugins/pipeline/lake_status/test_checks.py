"""Nothing is published from an hour that does not balance, or in which a data check failed since the job began."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.data_checks import CheckResult, Severity
from contracts.ledger import UNFINISHED, EventRow, LandedHour, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hours_between
from contracts.stages import EVENT_HOURS
from contracts.versions import event_hour_input_version
from pipeline.lake_status import checks
from pipeline.lake_status.checks import (
    DataCheckError,
    LedgerImbalanceError,
    NotInLedgerError,
    check_landing_row,
    check_row,
    failures_now,
    require_checks,
    require_no_new_failures,
)
from tests.plugins.pipeline.lake_status.fake_ledger import FakeLedger, landed

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
LANDING = LandingRow(
    landing_hour=TEN,
    input_version="v1",
    settled=True,
    unreadable_objects=0,
    lines=10,
    received=8,
    rejected=2,
    received_by_event_hour={TEN: 8},
)
LANDED = [LANDING]
EVENT = EventRow(event_hour=TEN, input_version=event_hour_input_version(TEN, LANDED), received=8, clean=7, duplicates=1)


def test_a_balanced_landing_hour_passes() -> None:
    assert check_landing_row(TEN, LANDING) is LANDING


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(LANDING, lines=11), id="a-line-was-lost"),
        pytest.param(replace(LANDING, lines=9), id="a-line-was-made"),
        pytest.param(replace(LANDING, received_by_event_hour={TEN: 7}), id="an-event-hour-is-short"),
    ],
)
def test_a_landing_hour_that_does_not_balance_fails(row: LandingRow) -> None:
    with pytest.raises(LedgerImbalanceError, match="2026-11-22T10"):
        check_landing_row(TEN, row)


def test_a_landing_hour_without_a_row_fails() -> None:
    with pytest.raises(NotInLedgerError, match="2026-11-22T10"):
        check_landing_row(TEN, None)


def test_a_balanced_event_hour_passes() -> None:
    assert check_row(EVENT_HOURS, EVENT_HOURS.inputs([TEN], LANDED)[TEN], EVENT) is EVENT


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(EVENT, clean=6), id="an-event-was-lost"),
        pytest.param(replace(EVENT, received=7, clean=6), id="stage-2-read-less-than-stage-1-wrote"),
    ],
)
def test_an_event_hour_that_does_not_balance_fails(row: EventRow) -> None:
    with pytest.raises(LedgerImbalanceError, match="2026-11-22T10"):
        check_row(EVENT_HOURS, EVENT_HOURS.inputs([TEN], LANDED)[TEN], row)


def test_an_event_hour_whose_input_has_changed_since_is_checked_by_its_own_figures_only() -> None:
    newer = [LandedHour(landing_hour=TEN, input_version="v2", received_by_event_hour={TEN: 9})]

    assert check_row(EVENT_HOURS, EVENT_HOURS.inputs([TEN], newer)[TEN], EVENT) is EVENT


def test_an_event_hour_that_received_nothing_needs_no_row() -> None:
    assert check_row(EVENT_HOURS, EVENT_HOURS.inputs([TEN], [])[TEN], None) is None


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(None, id="no-row"),
        pytest.param(replace(EVENT, input_version=UNFINISHED, received=0, clean=0, duplicates=0), id="unfinished-row"),
    ],
)
def test_an_event_hour_that_received_events_needs_a_finished_row(row: EventRow | None) -> None:
    with pytest.raises(NotInLedgerError, match="8 events"):
        check_row(EVENT_HOURS, EVENT_HOURS.inputs([TEN], LANDED)[TEN], row)


FAILED = CheckResult(
    checked_from=datetime(2026, 11, 22, 10, tzinfo=UTC),
    stage="event_hour",
    check_name="events_lost",
    severity=Severity.FAIL,
    passed=False,
    observed=3,
    expected="exactly 0",
    detail="10 received, 7 clean",
    input_version="v1",
)


def test_a_check_that_must_hold_stops_publication_and_is_named() -> None:
    with pytest.raises(DataCheckError) as raised:
        require_checks("event hour 2026-11-22T10", [FAILED], "v1")

    assert str(raised.value).startswith(
        "event hour 2026-11-22T10: events_lost is 3, expected exactly 0 (10 received, 7 clean)"
    )


def test_a_check_that_only_warns_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    require_checks("event hour 2026-11-22T10", [replace(FAILED, severity=Severity.WARN)], "v1")

    assert "WARNING event hour 2026-11-22T10: events_lost is 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(replace(FAILED, passed=True), id="passed"),
        pytest.param(replace(FAILED, input_version="v0"), id="of-an-earlier-run"),
        pytest.param(replace(FAILED, input_version="v0", severity=Severity.WARN), id="warning-of-an-earlier-run"),
    ],
)
def test_what_holds_and_what_another_run_found_is_passed_over(
    result: CheckResult, capsys: pytest.CaptureFixture[str]
) -> None:
    require_checks("event hour 2026-11-22T10", [result], "v1")

    assert capsys.readouterr().out == ""


LAKE = LakeLocation(raw_uri="s3://raw/raw", warehouse_uri="s3://w/warehouse", database="lake")

LOST = CheckResult(
    checked_from=TEN,
    stage="landing_hour",
    check_name="lines_lost",
    severity=Severity.FAIL,
    passed=False,
    observed=1,
    expected="exactly 0",
    detail="2 lines, 1 received",
    input_version="v1",
)


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> FakeLedger:
    """Three landing hours from ten on; a data check failed in the first."""
    ledger = FakeLedger(landed(hour) for hour in hours_between(TEN, TEN + 3 * HOUR))
    ledger.landed[0] = replace(ledger.landed[0], failed_checks=1)
    ledger.results = [LOST]
    monkeypatch.setattr(checks, "open_ledger", lambda _: ledger)
    return ledger


def test_what_failed_before_is_another_run_s_to_report(lake: FakeLedger) -> None:
    require_no_new_failures(LAKE, failures_now(LAKE))


def test_what_failed_since_is_named_with_its_figures_and_the_remedy(lake: FakeLedger) -> None:
    with pytest.raises(DataCheckError) as raised:
        require_no_new_failures(LAKE, [])

    assert str(raised.value).startswith(
        "landing hour 2026-11-22T10: lines_lost is 1, expected exactly 0 (2 lines, 1 received). What"
    )
    assert "docs/operations.md" in str(raised.value)


def test_an_hour_that_was_made_again_and_fails_again_is_new(lake: FakeLedger) -> None:
    before = failures_now(LAKE)
    lake.landed[0] = replace(lake.landed[0], input_version="v2")

    with pytest.raises(DataCheckError, match="landing hour 2026-11-22T10: data checks failed"):
        require_no_new_failures(LAKE, before)


def test_event_hours_and_days_count_as_well(lake: FakeLedger) -> None:
    before = failures_now(LAKE)
    lake.events[1] = replace(lake.events[1], failed_checks=1)

    with pytest.raises(DataCheckError, match="event hour 2026-11-22T11"):
        require_no_new_failures(LAKE, before)
