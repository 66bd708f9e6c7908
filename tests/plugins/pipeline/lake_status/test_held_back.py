"""What a failed check holds back, when a person may have it written, and that nothing unseen is written with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.data_checks import CheckResult, Severity
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, hours_between
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS, WEEKS, Stage
from pipeline.lake_status import derived, held_back
from pipeline.lake_status.held_back import Unit, Writable, failure_now, failures_to_decide, stage_named, writable
from tests.plugins.pipeline.lake_status.fake_ledger import FakeLedger, FakeRaw, landed

Use = Callable[[FakeLedger], FakeLedger]
LAKE = LakeLocation(raw_uri="s3://r", warehouse_uri="s3://w", database="clickstream_test")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
SUNDAY = TEN.date()
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    def use_ledger(ledger: FakeLedger) -> FakeLedger:
        for module in (derived, held_back):
            monkeypatch.setattr(module, "open_ledger", lambda _: ledger)
        monkeypatch.setattr(derived, "open_store", lambda _: None)
        monkeypatch.setattr(derived, "landed_between", FakeRaw().landed_between)
        return ledger

    return use_ledger


def failed_landing(*failed: datetime, until: datetime = TEN + HOUR) -> FakeLedger:
    """Return landing hours from nine on, some of which failed; the event hours are not written yet."""
    rows = [
        replace(landed(hour), failed_checks=int(hour in failed)) for hour in hours_between(TEN - HOUR, until + HOUR)
    ]
    ledger = FakeLedger(rows)
    ledger.events = [row for row in ledger.events if row.event_hour < TEN]
    return ledger


def failed_event_hour(*, until: datetime) -> FakeLedger:
    """Return a Sunday whose event hour of ten failed, with landing hours up to one that is not included."""
    ledger = FakeLedger([landed(hour) for hour in hours_between(MIDNIGHT, until)])
    ledger.events = [replace(row, failed_checks=int(row.event_hour == TEN)) for row in ledger.events]
    return ledger


def version_of(ledger: FakeLedger, stage: Stage[Any, Any], key: date) -> str:
    return str(ledger.row(stage, key).input_version)


def result(checked_from: datetime, observed: float | None, *, passed: bool, version: str = "v1") -> CheckResult:
    return CheckResult(
        checked_from=checked_from,
        stage="landing_hour",
        check_name="price_highest",
        severity=Severity.FAIL,
        passed=passed,
        observed=observed,
        expected="at most 1e+16",
        detail="",
        input_version=version,
    )


def test_a_landing_hour_holds_back_what_it_feeds_and_the_hour_after(use: Use) -> None:
    use(failed_landing(TEN))

    found = failure_now(LAKE, LANDING_HOURS, TEN, "v1")

    assert found is not None
    assert [str(unit) for unit in found.units] == ["2026-11-22T10 … 2026-11-22T11"]
    assert found.also_failed == {}


def test_an_event_hour_holds_back_its_day_and_those_beside_it_each_by_itself(use: Use) -> None:
    ledger = use(failed_event_hour(until=TEN + 2 * HOUR))

    found = failure_now(LAKE, EVENT_HOURS, TEN, version_of(ledger, EVENT_HOURS, TEN))

    assert found is not None
    assert [(unit.stage, str(unit)) for unit in found.units] == [
        (DAYS, "2026-11-21"),
        (DAYS, "2026-11-22"),
        (DAYS, "2026-11-23"),
    ]


@pytest.mark.parametrize(
    ("key", "version"),
    [
        pytest.param(TEN, "v0", id="written-again-since"),
        pytest.param(TEN - HOUR, "v1", id="did-not-fail"),
        pytest.param(TEN + DAY, "v1", id="never-written"),
    ],
)
def test_a_failure_that_stands_no_more_is_none(use: Use, key: datetime, version: str) -> None:
    use(failed_landing(TEN))

    assert failure_now(LAKE, LANDING_HOURS, key, version) is None


def test_the_usual_figure_is_the_median_of_the_week_before(use: Use) -> None:
    ledger = use(failed_landing(TEN))
    before = [(TEN - 8 * DAY, 9.0), (TEN - DAY, 3.0), (TEN - 2 * HOUR, None), (TEN - HOUR, 5.0)]
    ledger.results = [result(TEN, 1e17, passed=False), *(result(hour, seen, passed=True) for hour, seen in before)]

    found = failure_now(LAKE, LANDING_HOURS, TEN, "v1")

    assert found is not None
    assert [each.observed for each in found.results] == [1e17]
    assert found.usual == {"price_highest": 4.0}


def test_hours_are_written_once_the_landing_hour_after_them_is_settled(use: Use) -> None:
    unit = Unit(stage=EVENT_HOURS, first=TEN, last=TEN + HOUR)
    seen = ["landing hour 2026-11-22T10 v1"]

    use(failed_landing(TEN, until=TEN + HOUR))
    before = writable(LAKE, unit, seen)
    use(failed_landing(TEN, until=TEN + 2 * HOUR))
    after = writable(LAKE, unit, seen)

    assert before == Writable()
    assert after == Writable(unit=unit)


def test_a_failure_that_the_person_was_not_shown_is_not_written_with_it(use: Use) -> None:
    use(failed_landing(TEN, TEN + HOUR, until=TEN + 2 * HOUR))
    unit = Unit(stage=EVENT_HOURS, first=TEN, last=TEN + HOUR)
    both = ["landing hour 2026-11-22T10 v1", "landing hour 2026-11-22T11 v1"]

    assert "is also held back by what failed since: landing hour 2026-11-22T11" in writable(LAKE, unit, both[:1]).reason
    assert writable(LAKE, unit, both) == Writable(unit=unit)


def test_what_was_written_meanwhile_is_not_written_again(use: Use) -> None:
    ledger = failed_landing(TEN, until=TEN + 2 * HOUR)
    ledger.events = FakeLedger(ledger.landed).events
    use(ledger)

    found = writable(LAKE, Unit(stage=EVENT_HOURS, first=TEN, last=TEN + HOUR), [])

    assert found.reason == "event hour 2026-11-22T10 … 2026-11-22T11 is not held back any more"


def test_an_open_day_is_written_when_it_is_over_and_not_before(use: Use) -> None:
    unit = Unit(stage=DAYS, first=SUNDAY, last=SUNDAY)

    ledger = use(failed_event_hour(until=TEN + 2 * HOUR))
    shown = [f"event hour 2026-11-22T10 {version_of(ledger, EVENT_HOURS, TEN)}"]
    open_day = writable(LAKE, unit, shown)
    use(failed_event_hour(until=MIDNIGHT + DAY))
    over = writable(LAKE, unit, shown)

    assert open_day == Writable()
    assert over == Writable(unit=unit)


def test_only_failures_that_hold_something_back_are_decided(use: Use) -> None:
    ledger = failed_landing(TEN, TEN + HOUR)
    use(ledger)
    old = ["landing hour 2026-11-22T10 v1"]

    assert [found.key for found in failures_to_decide(LAKE, {LANDING_HOURS: [TEN]}, None)] == [TEN]
    assert [found.key for found in failures_to_decide(LAKE, {}, old)] == [TEN + HOUR]
    assert [found.key for found in failures_to_decide(LAKE, {LANDING_HOURS: [TEN]}, old)] == [TEN, TEN + HOUR]
    assert held_back.stage_after(WEEKS) is None


def test_a_stage_that_is_not_known_is_named_with_those_that_are() -> None:
    with pytest.raises(KeyError, match="no stage is named 'month'; the stages are landing_hour, event_hour, day, week"):
        stage_named("month")
