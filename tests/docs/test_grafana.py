"""The dashboard of docs/grafana: its queries run through Athena's API, and its metrics and dimensions exist."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from aws_cdk import Duration

from contracts.metrics import DIMENSION, NAMESPACE, Metric
from contracts.names import API_STAGE, EnvironmentNames
from infra.monitoring import Watched, ingestion_rules, pipeline_rules
from infra.settings import ENVIRONMENTS
from tests.docs.conftest import SimulatedLake
from tests.docs.pages import ROOT
from tests.docs.test_queries import AthenasLake

DASHBOARD: Final = json.loads((ROOT / "docs" / "grafana" / "clickstream.json").read_text())
PANELS: Final[list[dict[str, Any]]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
NAMES: Final = EnvironmentNames(environment="prod")
#: What Grafana puts in the place of its global variables (grafana.com/docs/grafana/latest, add-template-variables).
RANGE: Final = {"from": datetime(2026, 11, 15, tzinfo=UTC), "to": datetime(2026, 11, 23, tzinfo=UTC)}
#: Of what the simulator sends, no check finds anything wrong.
NOTHING_TO_FIND: Final = "FROM data_checks"
FORMATS: Final = {"YYYY-MM-DD": "%Y-%m-%d", "YYYY-MM-DD HH:mm:ss": "%Y-%m-%d %H:%M:%S"}
#: Its namespace, its name, its dimensions.
WatchedMetric = tuple[str, str, frozenset[tuple[str, str]]]


def queries() -> list[object]:
    found = [
        (panel["title"], target["rawSQL"]) for panel in PANELS for target in panel["targets"] if "rawSQL" in target
    ]
    return [pytest.param(sql, id=title) for title, sql in found]


def filled(sql: str) -> str:
    """Return a query as Grafana sends it."""
    text = re.sub(r"\$\{__(from|to):date:([^}]+)\}", lambda m: RANGE[m[1]].strftime(FORMATS[m[2]]), sql)
    assert "$" not in text
    return text


@pytest.mark.spark
@pytest.mark.cloud
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sql", queries())
def test_a_query_of_the_dashboard_finds_rows(sql: str, simulated_lake: SimulatedLake) -> None:
    results = simulated_lake.warehouse_uri.replace("/warehouse", "/athena-results/")
    rows = AthenasLake(simulated_lake.cloud, simulated_lake.database, results).answer(filled(sql))
    assert rows or NOTHING_TO_FIND in sql


@pytest.mark.cdk
def test_every_metric_of_the_dashboard_is_one_that_an_alarm_watches_or_that_no_alarm_looks_at() -> None:
    settings = ENVIRONMENTS["prod"]
    watched = Watched(
        api=NAMES.api,
        stage=API_STAGE,
        database=NAMES.database,
        stream=NAMES.event_stream,
        delivery_stream=NAMES.delivery_stream,
        web_acl="any",
        region="any",
        buffer=Duration.seconds(settings.delivery.buffer_seconds),
    )
    rules = [*ingestion_rules(watched, settings.alarms), *pipeline_rules(NAMES.database)]
    alarmed = {
        metric_of(rule.metric.namespace, rule.metric.metric_name, rule.metric.dimensions or {}) for rule in rules
    }
    own = {metric_of(NAMESPACE, metric, {DIMENSION: NAMES.database}) for metric in Metric}
    shown = {
        metric_of(target["namespace"], target["metricName"], target["dimensions"])
        for panel in PANELS
        for target in panel["targets"]
        if "metricName" in target
    }
    assert shown <= alarmed | own
    assert own <= shown


def metric_of(namespace: str, name: str, dimensions: Mapping[str, str]) -> WatchedMetric:
    environment = {key: value.replace("${environment}", NAMES.environment) for key, value in dimensions.items()}
    return namespace, str(name), frozenset(environment.items())


def test_panels_have_numbers_and_places_of_their_own() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
