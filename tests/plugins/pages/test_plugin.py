"""How Airflow has the pages: mounted under one prefix, for its users alone, with relative addresses."""

import os
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from pages.at_airflow import partition_key_of, views_of_this_airflow
from pages.errors import LakeUnreachableError
from tests.airflow_home import PIPELINE_ENVIRONMENT
from tests.plugins.pages.fixture_views import Client

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ |= PIPELINE_ENVIRONMENT | {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody listens: no test reaches AWS
    }
    yield
    os.environ.clear()
    os.environ |= before


@pytest.fixture(scope="module")
def plugin(environment: None) -> Any:
    from airflow import plugins_manager

    with warnings.catch_warnings():  # Airflow itself uses what its libraries have deprecated
        warnings.simplefilter("ignore", Warning)
        plugins, errors = plugins_manager._get_plugins()
    assert not errors
    return next(each for each in plugins if each.name == "clickstream_pages")


@pytest.fixture(scope="module")
def airflow(plugin: Any) -> FastAPI:
    """Return an app that has the plugins as Airflow's has them."""
    app = FastAPI()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Warning)
        from airflow.api_fastapi.app import init_plugins

        init_plugins(app)
        _ = plugin.fastapi_apps[0]["app"].imported
    return app


def test_the_pages_are_mounted_where_the_navigation_leads(plugin: Any, airflow: FastAPI) -> None:
    (mounted,) = [route for route in airflow.routes if getattr(route, "path", "") == "/clickstream"]
    assert mounted is not None
    for view in plugin.external_views:
        assert view["href"].startswith("clickstream/"), "relative, since a proxy may put Airflow below a path"
        assert len(view["name"]) <= 9, "Airflow cuts a longer label"
    assert {view["destination"] for view in plugin.external_views} == {"nav", "dag", "dag_run"}
    assert len({view["url_route"] for view in plugin.external_views}) == 3


@pytest.mark.parametrize("path", ["", "data/today", "csv/today/totals", "static/1/icon.svg", "nothing"])
def test_who_has_no_session_of_airflow_gets_401(airflow: FastAPI, path: str) -> None:
    answer = Client(app=airflow).get(f"/clickstream/{path}")
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer made-up"}, {"Cookie": "_token=made-up"}])
def test_a_token_that_airflow_did_not_sign_is_refused(
    airflow: FastAPI, headers: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import create_auth_manager

    create_auth_manager()
    assert Client(app=airflow).get("/clickstream/", headers=headers).status_code == 403


def test_wrong_settings_are_said_on_the_page_and_airflow_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PIPELINE_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    views = views_of_this_airflow()
    assert [view.id for view in views.listed()] == [
        *("live", "today", "funnel", "paths", "retention", "products", "trust", "scaling", "rejected")
    ]
    with pytest.raises(LakeUnreachableError, match=r"CLICKSTREAM_ENVIRONMENT.* not set.*restart it"):
        views.answer("today", {})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("AWS_ENDPOINT_URL", "nonsense", "Invalid endpoint: nonsense"),
        ("CLICKSTREAM_WAREHOUSE_URI", "https://warehouse", "'https://warehouse' is neither a directory nor"),
    ],
)
def test_a_place_that_cannot_be_reached_by_any_client_is_said_on_the_page(
    environment: None, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(LakeUnreachableError, match=said):
        views_of_this_airflow().answer("today", {})


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Any]:
    """Return a function that adds a run to a database that has the table of runs alone."""
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from sqlalchemy import create_engine, insert
    from sqlalchemy.orm import sessionmaker

    engine = create_engine(f"sqlite:///{tmp_path}/airflow.db")
    DagRun.__table__.create(engine)
    before, settings.NonScopedSession = settings.NonScopedSession, sessionmaker(engine)

    def add(**values: Any) -> None:
        now = datetime(2026, 11, 27, tzinfo=UTC)
        row = {
            "state": "success",
            "run_type": "scheduled",
            "run_after": now,
            "span_status": "not_started",
            "log_template_id": 1,
        }
        row |= values
        with engine.begin() as connection:
            connection.execute(insert(DagRun.__table__).values(row))

    yield add
    settings.NonScopedSession = before
    engine.dispose()


def test_the_tab_of_a_run_is_about_its_partition_or_what_its_form_says(runs: Any) -> None:
    runs(dag_id="aggregate_hour", run_id="1", partition_key="2026-11-26T10", conf={})
    runs(dag_id="aggregate_day", run_id="2", partition_key=None, conf={"day": "2026-11-26"})
    runs(dag_id="aggregate_day", run_id="3", partition_key=None, conf={})
    assert partition_key_of("aggregate_hour", "1") == "2026-11-26T10"
    assert partition_key_of("aggregate_day", "2") == "2026-11-26"
    assert partition_key_of("aggregate_day", "3") is None
    assert partition_key_of("aggregate_day", "nosuch") is None
