"""What a person found right is written by the run that they would have started by hand, and not before it is time."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from contracts.names import LakeLocation
from contracts.stages import DAYS, EVENT_HOURS, WEEKS
from pipeline.held_back_sensor import HeldBackSensor, held_back_from, held_back_text, run_by_name
from pipeline.lake_status.held_back import Unit, Writable

pytestmark = pytest.mark.airflow

LAKE = LakeLocation(raw_uri="s3://r", warehouse_uri="s3://w", database="clickstream_test")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOURS = Unit(stage=EVENT_HOURS, first=TEN, last=TEN.replace(hour=12))
HOUR = Unit(stage=EVENT_HOURS, first=TEN, last=TEN)
DAY = Unit(stage=DAYS, first=TEN.date(), last=TEN.date())
MONDAY = date(2026, 11, 16)


@pytest.mark.parametrize(
    ("unit", "dag_id", "fields"),
    [
        pytest.param(
            HOURS, "aggregate_hour", {"event_hour": "2026-11-22T10", "to": "2026-11-22T12"}, id="a-range-of-hours"
        ),
        pytest.param(HOUR, "aggregate_hour", {"event_hour": "2026-11-22T10"}, id="an-hour"),
        pytest.param(DAY, "aggregate_day", {"day": "2026-11-22"}, id="a-day"),
        pytest.param(
            Unit(stage=WEEKS, first=MONDAY, last=MONDAY), "aggregate_week", {"week": "2026-11-16"}, id="a-week"
        ),
    ],
)
def test_what_is_held_back_is_written_by_the_form_of_its_dag(unit: Unit, dag_id: str, fields: dict[str, str]) -> None:
    assert run_by_name(unit) == {"dag_id": dag_id, "fields": fields}
    assert held_back_from(held_back_text(unit)) == unit


def look(monkeypatch: pytest.MonkeyPatch, found: Writable) -> Any:
    monkeypatch.setattr("pipeline.lake_status.held_back.writable", lambda *_: found)
    return HeldBackSensor(task_id="wait", lake=LAKE, held=held_back_text(HOURS), shown=[]).poke({})


def test_it_waits_until_all_is_over_and_then_returns_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not look(monkeypatch, Writable()).is_done
    assert look(monkeypatch, Writable(unit=DAY)).xcom_value == {
        "dag_id": "aggregate_day",
        "fields": {"day": "2026-11-22"},
    }


def test_what_must_not_be_written_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSkipException, match="not held back any more"):
        look(monkeypatch, Writable(reason="day 2026-11-22 is not held back any more"))
