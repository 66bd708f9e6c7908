"""The template, synthesized once for all tests that look at it."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from infra.settings import (
    DomainSettings,
    EnvironmentSettings,
    SameOriginSettings,
    UsagePlanSettings,
    WarmWorkers,
    settings_of,
)
from infra.synth import synthesized


@dataclass(frozen=True)
class Template:
    """A synthesized template, searched by resource type: logical ids are hashes that no test should know."""

    document: dict[str, Any]

    def resources(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.document["Resources"].values() if one["Type"] == kind]

    def properties(self, kind: str) -> list[dict[str, Any]]:
        return [one["Properties"] for one in self.resources(kind)]

    def only(self, kind: str, **where: Any) -> dict[str, Any]:
        """The one resource of a type whose properties have these values."""
        (found,) = [
            properties
            for properties in self.properties(kind)
            if all(properties.get(name) == value for name, value in where.items())
        ]
        return found


def _template(environment: str) -> Template:
    return Template(json.loads(synthesized(settings_of(environment))))


def shop_settings() -> EnvironmentSettings:
    """Production's settings with the API under a shop's own domain."""
    settings = settings_of("prod")
    return replace(
        settings,
        api=replace(settings.api, behind_proxy=True),
        same_origin=SameOriginSettings(
            domain="shop.example",
            pages_host="pages.shop.example",
            certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/0b0b0b0b-1234-1234-1234-123456789012",
        ),
    )


def full_settings() -> EnvironmentSettings:
    """The same with every option of the settings."""
    settings = shop_settings()
    domain = DomainSettings(
        name="events.shop.example",
        certificate_arn="arn:aws:acm:eu-west-1:123456789012:certificate/0b0b0b0b-1234-1234-1234-123456789012",
    )
    plan = UsagePlanSettings(request_rate=100, request_burst=200, requests_per_day=1_000_000)
    return replace(
        settings,
        api=replace(settings.api, usage_plan=plan, domain=domain),
        alarms=replace(settings.alarms, email="on-call@shop.example", monthly_dollars=500),
        compute=replace(settings.compute, warm=WarmWorkers(), airflow_runs_on="eks"),
        own_key=True,
    )


@pytest.fixture(scope="session")
def full_template() -> Template:
    return Template(json.loads(synthesized(full_settings())))


@pytest.fixture(scope="session")
def shop_template() -> Template:
    return Template(json.loads(synthesized(shop_settings())))


@pytest.fixture(scope="session")
def template() -> Template:
    """The template of production."""
    return _template("prod")


@pytest.fixture(scope="session")
def local_template() -> Template:
    return _template("local")
