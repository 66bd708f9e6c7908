"""What an environment says of its events is read whole or refused by name, and a job is told the same."""

import argparse
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event_settings import OPTIONS, EventSettings, EventSettingsError, event_settings_from
from contracts.versions import event_hour_input_version, landing_input_version
from spark_jobs.arguments import add_event_arguments, event_settings_of
from tests.contracts.test_versions import TEN, landed

TEXTS = st.text(min_size=1, max_size=20).filter(str.strip)
NAMES = st.text(st.characters(exclude_characters="=", exclude_categories=["C"]), min_size=1, max_size=20)
SETTINGS = st.builds(
    EventSettings,
    keep_ip_addresses=st.booleans(),
    keep_url_queries=st.booleans(),
    event_names=st.dictionaries(TEXTS, NAMES.filter(str.strip), max_size=3).map(lambda names: tuple(names.items())),
    currency=st.none() | st.from_regex("[A-Z]{3}", fullmatch=True),
    not_bots=st.lists(TEXTS, max_size=3).map(tuple),
    ids_per_site=st.booleans(),
)


def variables(settings: EventSettings) -> dict[str, str]:
    written: dict[str, Any] = {option.variable: getattr(settings, option.field) for option in OPTIONS}
    names = json.dumps(dict(settings.event_names))
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in written.items() if v}
    return {**texts, "CLICKSTREAM_EVENT_NAMES": names}


@given(SETTINGS)
def test_a_job_is_told_what_the_variables_say(settings: EventSettings) -> None:
    parser = argparse.ArgumentParser()
    add_event_arguments(parser)
    assert event_settings_from(variables(settings)) == settings
    assert event_settings_of(parser.parse_args(list(settings.arguments()))) == settings


def test_nothing_said_changes_no_version_and_tells_a_job_nothing() -> None:
    nothing = event_settings_from({"CLICKSTREAM_CURRENCY": "", "AWS_REGION": "eu-central-1"})
    assert nothing == EventSettings()
    assert (nothing.landing_version, nothing.aggregation_version, list(nothing.arguments())) == ("", "", [])


LANDING = [
    EventSettings(keep_ip_addresses=True),
    EventSettings(keep_url_queries=True),
    EventSettings(event_names=(("a", "Purchase"),)),
    EventSettings(event_names=(("a", "Search"),)),
]
AGGREGATION = [
    EventSettings(currency="EUR"),
    EventSettings(currency="USD"),
    EventSettings(not_bots=("a",)),
    EventSettings(not_bots=("a", "b")),
    EventSettings(ids_per_site=True),
]


def test_each_setting_changes_the_versions_of_the_hours_that_it_concerns_and_of_no_other() -> None:
    rows = [landed(TEN, "a", h0=5)]
    landing = {settings: landing_input_version([], settings) for settings in (EventSettings(), *LANDING, *AGGREGATION)}
    assert len({landing[settings] for settings in (EventSettings(), *LANDING)}) == 1 + len(LANDING)
    assert {landing[settings] for settings in AGGREGATION} == {landing[EventSettings()]}
    hours = {settings: event_hour_input_version(TEN, rows, settings) for settings in landing}
    assert len({hours[settings] for settings in (EventSettings(), *AGGREGATION)}) == 1 + len(AGGREGATION)
    assert {hours[settings] for settings in LANDING} == {hours[EventSettings()]}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("CLICKSTREAM_KEEP_IP_ADDRESSES", "yes"),
        ("CLICKSTREAM_IDS_PER_SITE", "1"),
        ("CLICKSTREAM_CURRENCY", "euro"),
        ("CLICKSTREAM_EVENT_NAMES", "Bestellung=Purchase"),
        ("CLICKSTREAM_EVENT_NAMES", '["Bestellung"]'),
        ("CLICKSTREAM_EVENT_NAMES", '{"Bestellung": 1}'),
        ("CLICKSTREAM_EVENT_NAMES", '{" ": "Purchase"}'),
        ("CLICKSTREAM_EVENT_NAMES", '{"Bestellung": "a=b"}'),
        ("CLICKSTREAM_NOT_BOTS", '"MyApp"'),
        ("CLICKSTREAM_NOT_BOTS", '{"MyApp": "x"}'),
        ("CLICKSTREAM_NOT_BOTS", '["MyApp", ""]'),
        ("CLICKSTREAM_NOT_BOTS", "[1]"),
        ("CLICKSTREAM_NOT_BOTS", "MyApp"),
    ],
)
def test_a_variable_that_can_not_be_used_is_named_with_what_it_must_be(variable: str, text: str) -> None:
    with pytest.raises(EventSettingsError) as raised:
        event_settings_from({variable: text, "CLICKSTREAM_KEEP_URL_QUERIES": "maybe"})
    for part in (f"{variable} is {text!r}; it must be", "CLICKSTREAM_KEEP_URL_QUERIES is 'maybe'; it must be 'true'"):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("--currency=eur", "'eur' is not three capital letters, such as EUR"),
        ("--event-name=Purchase", "the event name '' can't stand for 'Purchase'"),
        ("--not-a-bot= ", "' ' is how every User-Agent header begins"),
    ],
)
def test_an_option_that_can_not_be_used_ends_the_program_with_status_2(
    argument: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_event_arguments(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([argument])
    assert ended.value.code == 2
    assert why in capsys.readouterr().err
