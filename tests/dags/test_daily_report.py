"""The report of a day is written beside the warehouse, by the task as Airflow runs it."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from clickstream_report import views_of_day
from contracts.names import EnvironmentNames, LakeLocation
from tests.airflow_home import PIPELINE_ENVIRONMENT, ROOT
from tests.plugins.pages.browser.full_views import full
from tests.plugins.pages.fixture_views import FixtureViews

pytestmark = pytest.mark.airflow


@pytest.fixture
def write_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The function of the task, with views that are given, and a warehouse in a folder."""
    for name, value in {**PIPELINE_ENVIRONMENT, "CLICKSTREAM_WAREHOUSE_URI": str(tmp_path / "warehouse")}.items():
        monkeypatch.setenv(name, value)

    def given(lake: LakeLocation, environment: EnvironmentNames) -> FixtureViews:
        return FixtureViews(views=full())

    monkeypatch.setattr(views_of_day, "views_of", given)
    task: Any = DagBag(ROOT / "dags" / "daily_report.py").dags["daily_report"].get_task("write_report")
    return task.python_callable


def test_report_of_a_day_replaces_the_one_before(write_report: Any, tmp_path: Path) -> None:
    report = tmp_path / "reports" / "day=2026-11-27.html"

    first = write_report("2026-11-27")
    report.write_text("older")
    write_report("2026-11-27")

    assert first.endswith("day=2026-11-27.html")
    assert f"Clickstream, {date(2026, 11, 27):%A} 2026-11-27" in report.read_text()
    assert [path.name for path in report.parent.iterdir()] == [report.name]
