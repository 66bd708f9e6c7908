"""The service is told by the same variables as Airflow; what is missing or wrong is named, all of it at once."""

import re
from datetime import timedelta

import pytest

from contracts.event_settings import EventSettings
from live.errors import LiveSettingsError
from live.settings import settings_from

GIVEN = {
    "CLICKSTREAM_RAW_URI": "s3://raw/raw/",
    "CLICKSTREAM_WAREHOUSE_URI": "s3://warehouse/warehouse",
    "CLICKSTREAM_DATABASE": "clickstream_dev",
}


def test_a_lake_with_its_settings_of_events_is_taken_from_the_environment() -> None:
    role = "arn:aws:iam::123456789012:role/live"
    settings = settings_from(
        {**GIVEN, "CLICKSTREAM_BUFFER_SECONDS": "15", "CLICKSTREAM_CURRENCY": "EUR", "CLICKSTREAM_LIVE_ROLE_ARN": role}
    )
    assert (settings.lake.raw_uri, settings.lake.database) == ("s3://raw/raw", "clickstream_dev")
    assert settings.lake.events == EventSettings(currency="EUR")
    assert (settings.buffer_interval, settings.role_arn) == (timedelta(seconds=15), role)


def test_without_more_it_is_firehose_s_default_and_the_process_s_own_role() -> None:
    settings = settings_from({**GIVEN, "CLICKSTREAM_LIVE_ROLE_ARN": ""})
    assert (settings.buffer_interval, settings.role_arn) == (timedelta(seconds=300), None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CLICKSTREAM_RAW_URI": "", "CLICKSTREAM_DATABASE": ""}, "CLICKSTREAM_RAW_URI, CLICKSTREAM_DATABASE not set"),
        ({"CLICKSTREAM_BUFFER_SECONDS": "901"}, "CLICKSTREAM_BUFFER_SECONDS is '901'; it must be .* 0–900"),
        ({"CLICKSTREAM_BUFFER_SECONDS": "x"}, "CLICKSTREAM_BUFFER_SECONDS is 'x'"),
        ({"CLICKSTREAM_LIVE_ROLE_ARN": "live"}, "CLICKSTREAM_LIVE_ROLE_ARN is 'live'; it must be the ARN"),
        ({"CLICKSTREAM_CURRENCY": "euro"}, "CLICKSTREAM_CURRENCY is 'euro'"),
    ],
)
def test_a_wrong_variable_is_named_with_its_value_and_what_it_must_be(changes: dict[str, str], message: str) -> None:
    with pytest.raises(LiveSettingsError, match=message):
        settings_from({**GIVEN, **changes})


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(LiveSettingsError) as raised:
        settings_from({"CLICKSTREAM_BUFFER_SECONDS": "-1", "CLICKSTREAM_CURRENCY": "euro"})
    assert re.findall("CLICKSTREAM_[A-Z_]+ (?:not|is)", str(raised.value)) == [
        "CLICKSTREAM_DATABASE not",
        "CLICKSTREAM_BUFFER_SECONDS is",
        "CLICKSTREAM_CURRENCY is",
    ]
