"""This Airflow's environment → the views of its lake: its settings are read here, and Airflow is asked for runs' keys.

The rest of the package runs without Airflow. If the settings are wrong, Airflow starts all the same, and the page says
what is wrong with them.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError

from pages.app import Answer, ListedView, Views
from pages.errors import LakeUnreachableError
from pages.lake.accepted import AcceptedReader
from pages.lake.iceberg import s3_properties
from pages.lake.live import LiveReader
from pages.lake.reader import LakeReader
from pages.lake.tables import GlueCatalog
from pages.service import LakeViews, listed
from pages.views import VIEWS
from pipeline.settings import SettingsError, settings_from
from storage.object_store import StorageError


def views_of_this_airflow() -> Views:
    """Return the views of the lake that the environment names."""
    try:
        settings = settings_from(os.environ)
        lake = settings.lake
        reader = LakeReader(
            catalog=GlueCatalog(lake.database),
            properties=s3_properties(),
            live=LiveReader(lake.warehouse_uri),
            accepted=AcceptedReader(settings.environment),
            settings=lake.events,
        )
    except (SettingsError, StorageError, BotoCoreError, ValueError) as error:  # botocore's of an endpoint's address
        return _WithoutSettings(sentence=f"The settings of Airflow's API server can't be used: {error}.")
    return _OfRuns(views=LakeViews(reader=reader, modules=VIEWS, reads_ahead=True))


@dataclass(frozen=True, kw_only=True)
class _WithoutSettings:
    """Every view says what is wrong with the settings."""

    sentence: str

    def listed(self) -> Sequence[ListedView]:
        return listed(VIEWS)

    def answer(self, view_id: str, query: Mapping[str, str]) -> Answer:  # noqa: ARG002 (each view says the same)
        raise LakeUnreachableError(
            self.sentence, "Give all of Airflow's services the same environment (docs/team-airflow.md), and restart it."
        )


@dataclass(frozen=True, kw_only=True)
class _OfRuns:
    """The views, with the partition key of the run whose tab it is."""

    views: Views

    def listed(self) -> Sequence[ListedView]:
        return self.views.listed()

    def answer(self, view_id: str, query: Mapping[str, str]) -> Answer:
        dag, run = query.get("dag"), query.get("run")
        if dag and run and (key := partition_key_of(dag, run)):
            query = {**query, "run_key": key}
        return self.views.answer(view_id, query)


def partition_key_of(dag_id: str, run_id: str) -> str | None:
    """Return the hour or day that a run works on: its partition, or what its form says; None if it says none."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        statement = select(DagRun.partition_key, DagRun.conf).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        found = session.execute(statement).first()
    if found is None:
        return None
    key, conf = found
    if key:
        return str(key)
    named = (conf or {}) if isinstance(conf, dict) else {}
    return next((str(named[name]) for name in ("landing_hour", "event_hour", "day", "week") if named.get(name)), None)
