"""A failed data check stops publication, or warns; one of another version says nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.data_checks import CheckResult, Severity, Stage
from hour_ledger.checks import DataCheckError, require_checks

FAILED = CheckResult(
    checked_from=datetime(2026, 11, 22, 10, tzinfo=UTC),
    stage=Stage.EVENT_HOUR,
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
