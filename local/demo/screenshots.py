"""`python -m local.demo.screenshots --airflow URL`: a demo that is up → the pictures of the docs.

They are of the running system, so they show what a reader will see. Beside them goes `made-from.json`, the tasks and
the form's fields of each DAG on that day: a test compares it with the DAGs, and says so when the pictures are stale.
It needs a Chromium on PATH, and that the demo has said "everything stays up".
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

from local.airflow import AirflowApi, DagRun
from local.cloud.errors import LocalCloudError
from local.demo.browser import Browser

MADE_FROM: Final = "made-from.json"
_WIDTH: Final = 1_440
#: No page begins with what was chosen on the one before; and the grid, else a fifth of a page, has room for eight runs.
_FRESH_PAGE: Final = """
localStorage.clear()
localStorage.setItem('react-resizable-panels:grid-ltr', JSON.stringify(
    {'details-panel,main-panel': {expandToSizes: {}, layout: [29, 71]}}))
"""
#: The small map of the graph, which covers its corner.
_WITHOUT_MAP: Final = "document.querySelector('.react-flow__minimap')?.remove()"


class NothingToShowError(LocalCloudError):
    """The running system lacks what a picture is to show; the message says what."""


class Pictures:
    """Takes each picture from one Airflow into one folder."""

    def __init__(self, api: AirflowApi, browser: Browser, folder: Path) -> None:
        self._api = api
        self._browser = browser
        self._folder = folder

    def take_all(self) -> None:
        """Take them all; each replaces the one of its name."""
        self._browser.run_on_every_page(_FRESH_PAGE)
        self.list_of_dags()
        self.runs()
        self.graph()
        self.form("transform_events", "transform_events_form", field="landing_hour", height=700, text=self._hour())
        self.links()
        self.assets()
        self.spike()
        self.form("replay_rejected", "replay_rejected", field="reasons", height=1_010)
        self.form("erase_user", "erase_user", field="user_ids", height=1_010)
        self.form("maintain_tables", "maintain_tables", field="orphan_age_hours", height=1_010)

    def list_of_dags(self) -> None:
        """All DAGs, in the order of the data."""
        self._browser.resize(height=1_390)
        self._open("/dags", shows="transform_events")
        self._save("dags")

    def runs(self) -> None:
        """The landing hours of the demo: by backfill, by schedule, by hand."""
        self._browser.resize(height=700)
        self._open("/dags/transform_events/runs", shows="Backfill")
        self._save("transform_events_runs")

    def graph(self) -> None:
        """All tasks of a run, as they follow each other, and the assets that go to the next DAG."""
        run = self._run_in_which("transform_events", "publish_stale_event_hours")
        self._browser.resize(height=420)
        self._open(_page(run), shows="Task Instances")
        self._browser.click("Show Graph (Press g)", shows="publish_stale_event_hours")
        self._browser.click("Collapse Details Panel", shows="publish_stale_event_hours")
        self._browser.evaluate(_WITHOUT_MAP)
        self._browser.click("Fit View", shows="publish_stale_event_hours")
        self._save("transform_events")

    def links(self) -> None:
        """Where the page of a Spark task leads: to what it read and what it wrote."""
        run = self._run_in_which("transform_events", "transform")
        self._browser.resize(height=560)
        self._open(f"{_page(run)}/tasks/transform/details", shows="received_events")
        self._save("transform_events_links")

    def assets(self) -> None:
        """What goes from one DAG to the next, each with its description."""
        self._browser.resize(height=600)
        self._open("/assets", shows="stale_event_hours")
        self._browser.click("Expand all extra JSON", shows="aggregate_hour")
        self._save("assets")

    def spike(self) -> None:
        """The run that gave the stream more shards, among those before and after it."""
        run = self._run_in_which("scale_event_stream", "update_shard_count")
        self._browser.resize(height=700)
        self._open(_page(run), shows="record_decisions")
        self._save("scale_event_stream")

    def form(self, dag_id: str, name: str, *, field: str, height: int, text: str = "") -> None:
        """The form behind *Trigger*, with a text in its field."""
        self._browser.resize(height=height)
        self._open(f"/dags/{dag_id}", shows=dag_id)
        self._browser.click("Trigger Dag", shows=field)
        if text:
            self._browser.type_into(f"element_{field}", text)
        self._save(name)

    def _hour(self) -> str:
        """Return a landing hour of the demo."""
        run = self._run_in_which("transform_events", "transform")
        return str(run.partition_key or self._api.conf(run)["landing_hour"])

    def _run_in_which(self, dag_id: str, task_id: str) -> DagRun:
        """Return the latest run in which the task ran to its end."""
        for run in reversed(self._api.runs(dag_id)):
            states = {task.task_id: task.state for task in self._api.tasks(run)}
            if run.state == "success" and states.get(task_id) == "success":
                return run
        raise NothingToShowError(
            f"no run of {dag_id} in which {task_id} succeeded: take the pictures of a demo that is complete "
            '(`make demo`, once it says "everything stays up")'
        )

    def _open(self, path: str, *, shows: str) -> None:
        self._browser.open(self._api.base_url + path, shows=shows)

    def _save(self, name: str) -> None:
        path = self._folder / f"{name}.png"
        path.write_bytes(self._browser.picture())
        print(f"{path}  {path.stat().st_size / 1_000:.0f} KB", flush=True)


def made_from(api: AirflowApi) -> dict[str, dict[str, list[str]]]:
    """Return what the pictures show of each DAG: its tasks, and the fields of its form."""
    return {
        dag_id: {"tasks": sorted(api.task_ids(dag_id)), "fields": api.param_names(dag_id)}
        for dag_id in sorted(api.dag_ids())
    }


def parse(arguments: list[str]) -> argparse.Namespace:
    """Command line → which Airflow, and where the pictures go."""
    parser = argparse.ArgumentParser(
        prog="python -m local.demo.screenshots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--airflow", required=True, metavar="URL", help="the address that the demo prints")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder (default docs/images)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; 1 with one sentence if there is no browser, no Airflow, or nothing to show."""
    given = parse(sys.argv[1:] if arguments is None else arguments)
    api = AirflowApi(given.airflow.rstrip("/"))
    try:
        facts = made_from(api)
        given.out.mkdir(parents=True, exist_ok=True)
        with Browser(width=_WIDTH) as browser:
            Pictures(api, browser, given.out).take_all()
            (given.out / MADE_FROM).write_text(json.dumps(facts, indent=2) + "\n")
    except LocalCloudError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def _page(run: DagRun) -> str:
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id)}"


if __name__ == "__main__":
    sys.exit(main())
