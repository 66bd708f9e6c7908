"""Rules between the numbers of an environment and what jobs and DAGs rely on."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.partitions import LONGEST_DELIVERY
from infra.settings import ENVIRONMENTS, CorsSettings, EnvironmentSettings, SameOriginSettings

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yaml"


@pytest.mark.parametrize("settings", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_no_stream_keeps_records_longer_than_one_object_may_span(settings: EnvironmentSettings) -> None:
    assert timedelta(hours=settings.stream.retention_hours) <= LONGEST_DELIVERY


def test_docker_compose_gives_airflow_the_buffer_interval_of_the_local_stack() -> None:
    (seconds,) = re.findall(r'CLICKSTREAM_BUFFER_SECONDS: "(\d+)"', COMPOSE.read_text())
    assert int(seconds) == ENVIRONMENTS["local"].delivery.buffer_seconds


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
