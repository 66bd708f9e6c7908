"""Settings come from the environment, whole or not at all, and what is wrong is named."""

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.rules import RAW_RETENTION_DAYS
from pipeline.settings import EmrServerlessSettings, LocalSparkSettings, SettingsError, settings_from

LOCAL = {
    "CLICKSTREAM_ENVIRONMENT": "dev",
    "CLICKSTREAM_RAW_URI": "s3://raw-bucket/raw",
    "CLICKSTREAM_WAREHOUSE_URI": "s3://warehouse-bucket/warehouse",
    "CLICKSTREAM_DATABASE": "clickstream_dev",
    "CLICKSTREAM_PROJECT": "/opt/clickstream",
}
EMR = {
    **LOCAL,
    "CLICKSTREAM_SPARK": "emr-serverless",
    "CLICKSTREAM_EMR_APPLICATION_ID": "00f1abcdexample",
    "CLICKSTREAM_EMR_ROLE_ARN": "arn:aws:iam::123456789012:role/jobs",
    "CLICKSTREAM_CODE_URI": "s3://code-bucket/clickstream/",
}


def test_spark_is_local_unless_told_otherwise() -> None:
    settings = settings_from(LOCAL)

    assert settings.spark == LocalSparkSettings(project=Path("/opt/clickstream"))
    assert settings.lake.table("clean_events") == "glue.clickstream_dev.clean_events"
    assert settings.buffer_interval == timedelta(minutes=5)


def test_addresses_are_truncated_unless_told_otherwise() -> None:
    assert not settings_from(LOCAL).lake.events.keep_ip_addresses
    assert settings_from({**LOCAL, "CLICKSTREAM_KEEP_IP_ADDRESSES": "true"}).lake.events.keep_ip_addresses


def test_raw_is_kept_for_as_long_as_production_keeps_it_unless_told_otherwise() -> None:
    assert settings_from(LOCAL).raw_retention == timedelta(days=RAW_RETENTION_DAYS)
    assert settings_from({**LOCAL, "CLICKSTREAM_RAW_RETENTION_DAYS": "30"}).raw_retention == timedelta(days=30)


def test_a_day_is_given_to_answer_and_all_may_unless_told_otherwise() -> None:
    settings = settings_from(LOCAL)
    told = settings_from({**LOCAL, "CLICKSTREAM_ANSWER_HOURS": "72", "CLICKSTREAM_APPROVERS": "ann, ben,ann,"})

    assert (settings.answer_within, settings.approvers) == (timedelta(hours=24), ())
    assert (told.answer_within, told.approvers) == (timedelta(hours=72), ("ann", "ben"))


def test_emr_serverless_needs_no_project_folder() -> None:
    settings = settings_from({name: value for name, value in EMR.items() if name != "CLICKSTREAM_PROJECT"})

    assert settings.spark == EmrServerlessSettings(
        application_id="00f1abcdexample",
        execution_role_arn="arn:aws:iam::123456789012:role/jobs",
        code_uri="s3://code-bucket/clickstream",
    )


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        settings_from({"CLICKSTREAM_ENVIRONMENT": "dev", "CLICKSTREAM_DATABASE": ""})

    assert "CLICKSTREAM_RAW_URI" in str(raised.value)
    assert "CLICKSTREAM_WAREHOUSE_URI" in str(raised.value)
    assert "CLICKSTREAM_DATABASE" in str(raised.value)
    assert "CLICKSTREAM_ENVIRONMENT" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("CLICKSTREAM_SPARK", "yarn", id="unknown-place"),
        pytest.param("CLICKSTREAM_BUFFER_SECONDS", "901", id="longer-than-firehose-buffers"),
        pytest.param("CLICKSTREAM_BUFFER_SECONDS", "five", id="no-number"),
        pytest.param("CLICKSTREAM_SPARK_SLOTS", "0", id="no-slot"),
        pytest.param("CLICKSTREAM_KEEP_IP_ADDRESSES", "yes", id="neither-true-nor-false"),
        pytest.param("CLICKSTREAM_RAW_RETENTION_DAYS", "0", id="kept-for-no-day"),
        pytest.param("CLICKSTREAM_SPARK_SLOTS", "two", id="no-number-of-slots"),
        pytest.param("CLICKSTREAM_ALARM_TOPIC", "alarms", id="no-topic"),
        pytest.param("CLICKSTREAM_ANSWER_HOURS", "0", id="no-time-to-answer"),
        pytest.param("CLICKSTREAM_ANSWER_HOURS", "337", id="longer-than-two-weeks"),
        pytest.param("CLICKSTREAM_PROJECT", "clickstream", id="relative-project"),
        pytest.param("CLICKSTREAM_ENVIRONMENT", "Prod!", id="no-environment-name"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        settings_from({**LOCAL, name: value})

    assert value in str(raised.value)
