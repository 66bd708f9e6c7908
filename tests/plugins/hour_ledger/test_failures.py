"""A job that made many hours and days is judged by the data checks that failed since it began, and by no older ones."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.data_checks import CheckResult, Severity, Stage
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hours_between
from hour_ledger import failures
from hour_ledger.checks import DataCheckError
from hour_ledger.failures import failures_now, require_no_new_failures
from tests.plugins.hour_ledger.fake_ledger import FakeLedger, landed

LAKE = LakeLocation(raw_uri="s3://raw/raw", warehouse_uri="s3://w/warehouse", database="lake")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
LOST = CheckResult(
    checked_from=TEN,
    stage=Stage.LANDING_HOUR,
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
    monkeypatch.setattr(failures, "open_ledger", lambda _: ledger)
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
