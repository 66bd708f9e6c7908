"""The pages in Airflow's UI: what Airflow loads to show them, in every process that it has.

Only the API server needs the app itself. It is imported there as the server starts, and in no other process.
"""

import sys
from functools import cached_property
from typing import Any, Final

from airflow.plugins_manager import AirflowPlugin

#: Under which Airflow mounts the app. Addresses below are relative to Airflow's own, wherever a proxy puts that.
URL_PREFIX: Final = "/clickstream"


class _App:
    """The web app, imported when it is first needed."""

    @cached_property
    def imported(self) -> Any:
        """Return the app; every route of it asks who is there."""
        from airflow.api_fastapi.core_api.security import get_user

        from pages.app import create_app
        from pages.at_airflow import views_of_this_airflow

        return create_app(views_of_this_airflow(), get_user)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.imported(scope, receive, send)


_APP: Final = _App()
if "api-server" in sys.argv:
    _ = _APP.imported


class PagesPlugin(AirflowPlugin):
    """An entry of the navigation, and a tab on the pages of DAGs and runs."""

    name = "clickstream_pages"
    fastapi_apps = [  # noqa: RUF012 (Airflow's base class declares it so)
        {"app": _APP, "url_prefix": URL_PREFIX, "name": "clickstream"}
    ]
    external_views = [  # noqa: RUF012 (likewise)
        {
            "name": "Analytics",  # Airflow cuts a longer label
            "href": "clickstream/",
            "icon": "clickstream/static/icon/icon.svg",
            "destination": "nav",
            "url_route": "clickstream",
            "nav_top_level": True,
        },
        {
            "name": "Lake",
            "href": "clickstream/?view=trust&dag={DAG_ID}",
            "destination": "dag",
            "url_route": "clickstream_dag",
        },
        {
            "name": "Lake",
            "href": "clickstream/?view=trust&dag={DAG_ID}&run={RUN_ID}",
            "destination": "dag_run",
            "url_route": "clickstream_run",
        },
    ]
