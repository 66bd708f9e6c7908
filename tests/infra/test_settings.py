"""Rules between the numbers of an environment and what jobs and DAGs rely on."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.partitions import LONGEST_DELIVERY
from infra.capacity import (
    ACCOUNT_REQUEST_BURST,
    ACCOUNT_REQUEST_RATE,
    SHARD_RECORDS,
    SMALLEST_SHARD_QUOTA,
    explained,
)
from infra.settings import ENVIRONMENTS, CorsSettings, EnvironmentSettings, SameOriginSettings, StreamSettings


@pytest.mark.parametrize("settings", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_no_stream_keeps_records_longer_than_one_object_may_span(settings: EnvironmentSettings) -> None:
    assert timedelta(hours=settings.stream.retention_hours) <= LONGEST_DELIVERY


@pytest.mark.parametrize(
    "origins",
    [(), ("*", "https://a.example"), ("https://a.example/",), ("a.example",), ("null",), ('https://a" || "" == "',)],
)
def test_origins_that_no_browser_sends_are_refused_with_their_name(origins: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(origins[0]) if len(origins) == 1 else "name one at least"):
        CorsSettings(origins=origins)


def test_origins_are_any_or_a_list() -> None:
    assert CorsSettings().any_origin
    assert not CorsSettings(origins=("https://shop.example", "http://localhost:8080")).any_origin


def test_no_environment_is_under_a_shops_domain_unless_it_says_so() -> None:
    assert not any(settings.same_origin or settings.api.behind_proxy for settings in ENVIRONMENTS.values())


def test_an_api_under_a_shops_domain_must_know_that_it_is_behind_a_proxy() -> None:
    shop = SameOriginSettings(domain="shop.example", pages_host="pages.example", certificate_arn="arn")
    with pytest.raises(ValueError, match="prod has same_origin, so set behind_proxy"):
        replace(ENVIRONMENTS["prod"], same_origin=shop)


@pytest.mark.parametrize("path", ["", "/", "e", "/e/", "/e*", "/e/'+x"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="write it like /e"):
        SameOriginSettings(domain="shop.example", pages_host="pages.example", certificate_arn="arn", path=path)


ON_AWS = [pytest.param(ENVIRONMENTS[name], id=name) for name in ("dev", "prod")]


@pytest.mark.parametrize("settings", ON_AWS)
def test_the_stream_takes_at_its_start_what_the_api_lets_through(settings: EnvironmentSettings) -> None:
    assert settings.api.request_rate <= 0.75 * settings.stream.open_shards * SHARD_RECORDS
    assert settings.stream.scaling == "on"


@pytest.mark.parametrize("settings", ON_AWS)
def test_an_environment_leaves_other_apis_and_streams_of_the_account_room(settings: EnvironmentSettings) -> None:
    assert settings.api.request_rate <= ACCOUNT_REQUEST_RATE / 2
    assert settings.api.request_burst <= ACCOUNT_REQUEST_BURST
    assert 2 * settings.stream.maximum_shards <= SMALLEST_SHARD_QUOTA
    assert not [line for line in explained(settings) if "Service Quotas" in line]


def test_what_is_above_a_quota_is_said_with_what_to_ask_for() -> None:
    prod = ENVIRONMENTS["prod"]
    large = replace(
        prod,
        api=replace(prod.api, request_rate=20_000),
        stream=replace(prod.stream, open_shards=40, maximum_shards=2_000),
    )
    text = "\n".join(explained(large))
    assert "40 shards: 40,000 events/s, while they are under 1 KiB each; that is 20,000 requests/s of 2 events" in text
    assert "'Throttle rate': more than 20,000; Kinesis, 'Shards per Region': more than 2,000" in text


def test_a_stream_that_could_not_be_as_it_says_is_refused() -> None:
    with pytest.raises(ValueError, match="1 open shards are not between 2 and 200"):
        StreamSettings(open_shards=1, retention_hours=24, minimum_shards=2)
    with pytest.raises(ValueError, match="scaling is 'maybe'"):
        StreamSettings(open_shards=1, retention_hours=24, scaling="maybe")
