"""The same failure is asked about by the same run, whichever run finds it; a repaired one by another."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.stages import DAYS, LANDING_HOURS
from pipeline import failed_checks
from pipeline.failed_checks import ASKED_AT_MOST, failing_at_once, question_run
from pipeline.lake_status.checks import DataCheckError, LedgerImbalanceError
from pipeline.lake_status.store import FailedChecks

pytestmark = pytest.mark.airflow

LAKE = LakeLocation(raw_uri="s3://r", warehouse_uri="s3://w", database="clickstream_test")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
FAILED = FailedChecks(stage=LANDING_HOURS, key=TEN, input_version="v1")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a task leaves to those after it."""
    kept: dict[str, Any] = {}
    task = SimpleNamespace(xcom_push=lambda *, key, value: kept.update({key: value}))
    monkeypatch.setattr(failed_checks, "get_current_context", lambda: {"ti": task})
    monkeypatch.setattr("pipeline.metrics.put_metrics", lambda *_: None)
    return kept


def test_a_question_s_run_is_named_by_the_failure_s_key_and_version() -> None:
    day = question_run(FailedChecks(stage=DAYS, key=TEN.date(), input_version="v1"))
    again = question_run(FailedChecks(stage=LANDING_HOURS, key=TEN, input_version="v2"))

    assert question_run(FAILED) == question_run(FailedChecks(stage=LANDING_HOURS, key=TEN, input_version="v1"))
    assert re.fullmatch(r"landing_hour__2026-11-22T10__[0-9a-f]{12}", question_run(FAILED)["trigger_run_id"])
    assert day["conf"] == {"stage": "day", "key": "2026-11-22", "input_version": "v1"}
    assert again["trigger_run_id"] != question_run(FAILED)["trigger_run_id"]


def test_a_failed_check_is_left_to_those_who_ask(left: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.lake_status.held_back.failures_to_decide", lambda *_: [FAILED])

    with pytest.raises(AirflowFailException), failing_at_once(LAKE, {LANDING_HOURS: [TEN]}):
        raise DataCheckError("lines_lost is 1")

    assert left == {"to_decide": [question_run(FAILED)]}


def test_a_flood_of_failures_is_asked_about_in_part(left: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    many = [FailedChecks(stage=LANDING_HOURS, key=TEN + number * HOUR, input_version="v1") for number in range(168)]
    monkeypatch.setattr("pipeline.lake_status.held_back.failures_to_decide", lambda *_: many)

    with pytest.raises(AirflowFailException), failing_at_once(LAKE, {}, failed_before=[]):
        raise DataCheckError("lines_lost is 1")

    assert len(left["to_decide"]) == ASKED_AT_MOST


def test_an_imbalance_is_nothing_that_a_person_could_find_right(left: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException), failing_at_once(LAKE, {LANDING_HOURS: [TEN]}):
        raise LedgerImbalanceError("3 lines, but 2 received")

    assert left == {}
