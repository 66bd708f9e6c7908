"""A run works on the one partition that it was given, in whichever way, or fails with a sentence that names it."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from pipeline.conventions import DAY, EVENT_HOUR, LANDING_HOUR, KeyField, pipeline_dag

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize(
    ("partition_key", "filled_in"),
    [
        pytest.param("2026-11-22T10", None, id="by-schedule-asset-or-api"),
        pytest.param(None, "2026-11-22T10", id="by-the-form"),
        pytest.param("2026-11-22T10", "2026-11-22T10", id="twice-the-same"),
    ],
)
def test_the_key_is_the_one_that_the_run_was_given(partition_key: str | None, filled_in: str | None) -> None:
    assert LANDING_HOUR.key_of_run(partition_key, {"landing_hour": filled_in}) == "2026-11-22T10"


@pytest.mark.parametrize(
    ("field", "partition_key", "filled_in", "sentence"),
    [
        pytest.param(LANDING_HOUR, None, None, "fill in the field landing_hour, e.g. 2026-11-22T10", id="no-hour"),
        pytest.param(
            DAY, "", None, "which day to work on: trigger the DAG again and fill in the field day", id="no-day"
        ),
        pytest.param(
            EVENT_HOUR,
            "2026-11-22T10",
            "2026-11-22T11",
            "the field event_hour says '2026-11-22T11', the partition key '2026-11-22T10'",
            id="two",
        ),
        pytest.param(EVENT_HOUR, "2026-11-22", None, "event_hour: '2026-11-22' is not an hour", id="a-day-for-an-hour"),
        pytest.param(LANDING_HOUR, None, "2026-11-22T25", "landing_hour: '2026-11-22T25' is not", id="no-such-hour"),
        pytest.param(DAY, "2026-11-22T10", None, "day: '2026-11-22T10' is not a day", id="an-hour-for-a-day"),
    ],
)
def test_a_run_without_one_usable_key_fails_at_once_and_names_the_field(
    field: KeyField, partition_key: str | None, filled_in: str | None, sentence: str
) -> None:
    with pytest.raises(AirflowFailException) as raised:
        field.key_of_run(partition_key, {field.name: filled_in})

    assert sentence in str(raised.value)


@pytest.mark.parametrize("field", [LANDING_HOUR, EVENT_HOUR, DAY], ids=lambda field: str(field.name))
def test_the_example_of_the_form_is_a_key_that_the_form_takes(field: KeyField) -> None:
    [param] = field.params("What to work on.").values()

    assert param.resolve(field.stage.example) == field.stage.example
    assert field.stage.example in (param.description or "")
    assert field.key_of_run(None, {field.name: field.stage.example}) == field.stage.example


def test_a_dag_tells_its_topic_of_a_failed_run_if_there_is_one() -> None:
    topic = "arn:aws:sns:eu-central-1:123456789012:clickstream-prod-alarms"
    told: Any = pipeline_dag("transform_events", alarm_topic=topic).on_failure_callback
    assert [notifier.target_arn for notifier in told] == [topic]
    assert pipeline_dag("transform_events").on_failure_callback is None
