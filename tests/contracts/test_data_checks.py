"""Rules of the declared checks: limits are included, what can't be known passes, a warning stops nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.data_checks import NULL_SHARES, DataCheck, Figure, Severity, judge, stopping_results
from contracts.stages import STAGES
from contracts.tables import RECEIVED_EVENTS

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def check(severity: Severity = Severity.FAIL, **limits: float) -> DataCheck:
    return DataCheck(name="share", severity=severity, sentence="A share.", **limits)


def passed(declared: DataCheck, value: float | None) -> bool:
    (result,) = judge(
        [declared], {"share": Figure(value=value, detail="")}, stage="event_hour", checked_from=TEN, input_version="v"
    )
    return result.passed


@pytest.mark.parametrize(("value", "holds"), [(0.5, True), (2.0, True), (0.49, False), (2.01, False), (None, True)])
def test_limits_are_included_and_what_can_not_be_known_passes(value: float | None, holds: bool) -> None:
    assert passed(check(at_least=0.5, at_most=2.0), value) is holds


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"at_least": 0, "at_most": 0}, "exactly 0"),
        ({"at_most": 0.05}, "at most 0.05"),
        ({"at_least": 0}, "at least 0"),
        ({"at_least": 0.5, "at_most": 2}, "0.5 to 2"),
    ],
)
def test_limits_are_said_in_words(limits: dict[str, Any], expected: str) -> None:
    assert check(**limits).expected == expected


def test_a_failed_check_stops_only_the_version_it_looked_at_and_a_warning_nothing() -> None:
    figures = {"share": Figure(value=1, detail="1 of 1")}
    failed = list(judge([check(at_most=0)], figures, stage="event_hour", checked_from=TEN, input_version="v"))
    warned = list(
        judge([check(Severity.WARN, at_most=0)], figures, stage="event_hour", checked_from=TEN, input_version="v")
    )
    assert stopping_results([*failed, *warned], "v") == failed
    assert stopping_results(failed, "another") == []


def test_a_figure_that_was_not_fetched_is_an_error_not_a_pass() -> None:
    with pytest.raises(KeyError, match="share"):
        list(judge([check(at_most=0)], {}, stage="event_hour", checked_from=TEN, input_version="v"))


def test_a_check_is_named_once_in_its_stage_and_has_a_limit() -> None:
    for stage in STAGES:
        assert len({declared.name for declared in stage.checks}) == len(stage.checks)
        assert all(declared.expected != "at least -inf" for declared in stage.checks)


def test_only_optional_columns_are_asked_for_nulls() -> None:
    assert all(RECEIVED_EVENTS.column(column).nullable for column in NULL_SHARES)
