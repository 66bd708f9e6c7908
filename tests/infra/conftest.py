"""The template, synthesized once for all tests that look at it."""

import json

import pytest

from infra.settings import settings_of
from infra.synth import synthesized
from tests.infra.synthesized_template import Template


def _template(environment: str) -> Template:
    return Template(json.loads(synthesized(settings_of(environment))))


@pytest.fixture(scope="session")
def template() -> Template:
    """The template of production."""
    return _template("prod")


@pytest.fixture(scope="session")
def local_template() -> Template:
    return _template("local")
