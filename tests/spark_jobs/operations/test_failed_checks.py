"""What a failed data check holds back is made by no run of its own accord, and by a person who names it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.data_checks import Figure
from contracts.ledger import DayRow, EventRow, LandingLedgerRow
from contracts.partitions import HOUR
from spark_jobs import run_aggregate_days, run_aggregate_hours, run_reconcile_hours
from spark_jobs.checks import figures as figures_module
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger
from tests.spark_jobs.raw_lake import arguments, lay_down, line

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
TWELVE = TEN + 2 * HOUR
SPAN = ("--from", "2026-11-22T10", "--to", "2026-11-22T12")
DAY_IS_OVER = ("--settled-before", "2026-11-23T00:00:00+00:00")


@pytest.fixture
def lake(lake_with_tables: Lake) -> Lake:
    return lake_with_tables


def reconciled(lake: Lake, report: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the event hours and the days that were made, and what was held back."""
    assert run_reconcile_hours.main(arguments(lake, *SPAN, *DAY_IS_OVER, "--json", str(report))) == 0
    done: dict[str, list[Any]] = json.loads(report.read_text())
    return [row["event_hour"] for row in done["aggregated"]], [row["day"] for row in done["days"]], done["held_back"]


def fail_the_check_of_twelve(patch: pytest.MonkeyPatch, module: Any, function: str, check: str) -> None:
    """Let a figure be wrong where the hour is twelve."""
    right = getattr(module, function)

    def figures(row: Any, *others: Any) -> Mapping[str, Figure]:
        found = right(row, *others)
        hour = getattr(row, "landing_hour", None) or row.event_hour
        return {**found, check: Figure(value=1, detail="one is lost")} if hour == TWELVE else found

    patch.setattr(module, function, figures)


def test_event_hours_of_a_landing_hour_and_their_day_wait_for_a_person(
    lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for hour in (TEN, TWELVE):
        lay_down(lake, hour, "a", [line(hour, str(hour.hour))])
    with pytest.MonkeyPatch.context() as patch:
        fail_the_check_of_twelve(patch, figures_module, "landing_figures", "lines_lost")
        assert reconciled(lake, tmp_path / "1") == (["2026-11-22T10"], [], ["2026-11-22T12"])
    assert [row.failed_checks for row in read_ledger(lake, LandingLedgerRow, TEN, TWELVE + HOUR)][-1] == 1

    assert reconciled(lake, tmp_path / "2") == ([], [], ["2026-11-22T12"])
    assert run_aggregate_hours.main(arguments(lake, *SPAN)) == 0
    assert (
        "held back by a failed data check of a landing hour (see data_checks): 2026-11-22T12" in capsys.readouterr().out
    )

    assert run_aggregate_hours.main(arguments(lake, "--event-hour", "2026-11-22T12")) == 0
    assert reconciled(lake, tmp_path / "3") == ([], ["2026-11-22"], [])


def test_days_of_an_event_hour_wait_for_a_person(lake: Lake, tmp_path: Path) -> None:
    lay_down(lake, TWELVE, "a", [line(TWELVE, "1")])
    with pytest.MonkeyPatch.context() as patch:
        fail_the_check_of_twelve(patch, figures_module, "event_hour_figures", "events_lost")
        assert reconciled(lake, tmp_path / "1") == (["2026-11-22T12"], [], ["2026-11-22"])
    assert [row.failed_checks for row in read_ledger(lake, EventRow, TEN, TWELVE + HOUR)] == [1]

    assert run_aggregate_days.main(arguments(lake, "--from", "2026-11-22", "--to", "2026-11-22")) == 0
    assert read_ledger(lake, DayRow, TEN.date(), TEN.date().replace(day=23)) == []
    assert run_aggregate_days.main(arguments(lake, "--day", "2026-11-22")) == 0
    (row,) = read_ledger(lake, DayRow, TEN.date(), TEN.date().replace(day=23))
    assert (row.events, row.failed_checks) == (1, 0)
